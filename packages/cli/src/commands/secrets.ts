import type { StoredSecret } from "@deckhand/core";
import type { Command } from "commander";
import { type CommandContext, confirm, show, type Surroundings } from "../command-context.ts";
import { readStdinText, readText } from "../run-options.ts";
import { withoutLineEnd } from "../secret-options.ts";
import { ask, canAsk } from "../terminal/ask.ts";
import { formatAgo } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { action, newCommand } from "./command.ts";

export function secretsCommand(surroundings: Surroundings): Command {
  return newCommand("secrets", {
    summary: "Secrets under a name, for scripts to use and nobody to read",
    examples: [
      ["deckhand secrets set db/main", "asks for the value"],
      ["deckhand secrets ls", "which there are"],
      ["deckhand run db/check --on db-1 --secret PGPASSWORD=db/main", "with one of them"],
    ],
  })
    .addCommand(listCommand(surroundings))
    .addCommand(setCommand(surroundings))
    .addCommand(removeCommand(surroundings));
}

function listCommand(surroundings: Surroundings): Command {
  return newCommand("ls", {
    summary: "List stored secrets, without their values",
    examples: [
      ["deckhand secrets ls", "in words"],
      ["deckhand secrets ls -o json", "for a program"],
      ["deckhand secrets ls -o jsonl", "a line each"],
    ],
  }).action(
    action(surroundings, async (context) => {
      await show(context, await (await context.client()).listSecrets(), toList);
    }),
  );
}

function toList(secrets: readonly StoredSecret[]): string {
  const now = Date.now();
  const rows = secrets.map(({ name, createdAt, updatedAt, updatedBy }) => [
    name,
    formatAgo(createdAt, now),
    formatAgo(updatedAt, now),
    updatedBy ?? "",
  ]);
  return toTable(["SECRET", "CREATED", "SET", "BY"], rows);
}

function setCommand(surroundings: Surroundings): Command {
  return newCommand("set", {
    summary: "Store a secret, or give it another value",
    examples: [
      ["deckhand secrets set db/main", "asks for the value, and shows nothing of it"],
      ["pass show db/main | deckhand secrets set db/main", "from standard input"],
      ["deckhand secrets set tls/key --file key.pem", "from a file"],
    ],
  })
    .argument("<name>", "letters, digits, . _ and -, in parts with / between them")
    .option("--file <path>", "the file that holds the value; one line end at its end is left out")
    .action(
      action(surroundings, async (context, name: string, { file }: { readonly file?: string }) => {
        const value = await readValue(context, name, file);
        const secret = await (await context.client()).setSecret(name, value);
        await show(context, secret, () => `set ${secret.name}\n`);
      }),
    );
}

async function readValue(
  context: CommandContext,
  name: string,
  file: string | undefined,
): Promise<string> {
  if (file !== undefined) return withoutLineEnd(await readText(file));
  if (canAsk(context.surroundings))
    return ask(context.surroundings, `${name} = `, { isSecret: true });
  return withoutLineEnd(await readStdinText(context));
}

function removeCommand(surroundings: Surroundings): Command {
  return newCommand("rm", {
    summary: "Remove a stored secret",
    examples: [
      ["deckhand secrets rm db/main", "runs that were accepted have it already"],
      ["deckhand secrets ls", "which there are"],
      ["deckhand api GET /api/v1/audit?action=secret.write", "who set and removed which"],
    ],
  })
    .argument("<name>", "the secret's name")
    .action(
      action(surroundings, async (context, name: string) => {
        await (await context.client()).deleteSecret(name);
        await confirm(context, `removed ${name}`, { removed: name });
      }),
    );
}
