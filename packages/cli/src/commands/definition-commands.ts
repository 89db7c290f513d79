import type { DeckhandClient, DefinitionsClient } from "@deckhand/client";
import { ProblemError } from "@deckhand/client";
import type { DefinitionView } from "@deckhand/core";
import type { Command } from "commander";
import { type CommandContext, confirm, show, type Surroundings } from "../command-context.ts";
import type { DefinitionRequest } from "../definition-request.ts";
import { toTable } from "../terminal/table.ts";
import { action, newCommand } from "./command.ts";

/** How the command line speaks of one kind of what is kept under a name. */
export interface DefinitionWords<View extends DefinitionView, Body> {
  /** `group`, `groups`, `deckhand groups`. */
  readonly one: string;
  readonly many: string;
  readonly command: string;
  /** A name for the examples of the help. */
  readonly example: string;
  readonly of: (client: DeckhandClient) => DefinitionsClient<View, Body>;
  readonly columns: Readonly<Record<string, (view: View) => string>>;
  readonly toDetail: (view: View) => string;
  /** A command that makes one, for a list that is empty. */
  readonly first: string;
}

/** `ls`: a row each. */
export function listDefinitionsCommand<View extends DefinitionView, Body>(
  surroundings: Surroundings,
  words: DefinitionWords<View, Body>,
): Command {
  const { many, command } = words;
  return newCommand("ls", {
    summary: `List ${many}`,
    examples: [
      [`${command} ls`, "by name"],
      [`${command} ls -o json`, "for a program"],
      [`${command} ls -o jsonl`, "a line each"],
    ],
  }).action(
    action(surroundings, async (context) => {
      await show(context, await words.of(await context.client()).list(), (all) =>
        toList(words, all),
      );
    }),
  );
}

function toList<View extends DefinitionView, Body>(
  { many, first, columns }: DefinitionWords<View, Body>,
  all: readonly View[],
): string {
  if (all.length === 0) return `There are no ${many}. Make one: ${first}\n`;
  const cells = Object.values(columns);
  const rows = all.map((view) => [view.name, ...cells.map((toCell) => toCell(view))]);
  return toTable(["NAME", ...Object.keys(columns)], rows);
}

/** `show NAME`. */
export function showDefinitionCommand<View extends DefinitionView, Body>(
  surroundings: Surroundings,
  words: DefinitionWords<View, Body>,
): Command {
  const { one, command, example } = words;
  return newCommand("show", {
    summary: `Show a ${one}`,
    examples: [
      [`${command} show ${example}`, "in words"],
      [`${command} show ${example} -o json`, "everything"],
      [`${command} ls`, "which there are"],
    ],
  })
    .argument("<name>", `the ${one}'s name`)
    .action(
      action(surroundings, async (context, name: string) => {
        await show(context, await words.of(await context.client()).get(name), words.toDetail);
      }),
    );
}

/** `rm NAME`. */
export function removeDefinitionCommand<View extends DefinitionView, Body>(
  surroundings: Surroundings,
  words: DefinitionWords<View, Body>,
): Command {
  const { one, command, example } = words;
  return newCommand("rm", {
    summary: `Delete a ${one}`,
    examples: [
      [`${command} rm ${example}`, "it is gone at once"],
      [`${command} show ${example}`, "what it is, before"],
      [`deckhand api GET "/api/v1/audit?object=${example}"`, "who changed it"],
    ],
  })
    .argument("<name>", `the ${one}'s name`)
    .action(
      action(surroundings, async (context, name: string) => {
        const all = words.of(await context.client());
        await all.delete(await all.get(name));
        await confirm(context, `deleted the ${one} ${name}`, { deleted: name });
      }),
    );
}

/** A definition to be saved; `toRequest` gets what it replaces. */
export interface ToSave<View, Body> {
  readonly name: string;
  readonly toRequest: (before: View | undefined) => DefinitionRequest<Body>;
}

/** Makes it, or replaces what has the name; gives what was sent. */
export async function saveDefinition<View extends DefinitionView, Body>(
  context: CommandContext,
  words: DefinitionWords<View, Body>,
  { name, toRequest }: ToSave<View, Body>,
): Promise<DefinitionRequest<Body>> {
  const all = words.of(await context.client());
  const before = await all.get(name).catch(undefinedIfUnknown);
  const request = toRequest(before);
  const saved = before
    ? await all.replace(before, request.body)
    : await all.create({ ...request.body, name });
  context.say(`${before ? "changed" : "made"} the ${words.one} ${name}`);
  await show(context, saved, words.toDetail);
  return request;
}

function undefinedIfUnknown(error: unknown): undefined {
  const isUnknown = error instanceof ProblemError && error.problem.code === "DEFINITION_NOT_FOUND";
  if (!isUnknown) throw error;
}
