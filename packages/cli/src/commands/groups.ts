import type { Group, ReplaceGroupRequestInput } from "@deckhand/core";
import type { Command } from "commander";
import type { Surroundings } from "../command-context.ts";
import { UsageError } from "../usage-error.ts";
import { action, collect, newCommand } from "./command.ts";
import {
  type DefinitionWords,
  listDefinitionsCommand,
  removeDefinitionCommand,
  saveDefinition,
  showDefinitionCommand,
} from "./definition-commands.ts";

const GROUPS: DefinitionWords<Group, ReplaceGroupRequestInput> = {
  one: "group",
  many: "groups",
  command: "deckhand groups",
  example: "db",
  first: "deckhand groups set db --on label=role=db",
  of: (client) => client.groups,
  columns: {
    ON: ({ on }) => on.join("  "),
    EXCEPT: ({ except }) => except.join("  "),
    DESCRIPTION: ({ description }) => description,
  },
  toDetail: ({ name, on, except, description, by, updatedAt, version }) =>
    [
      `${name}${description === "" ? "" : `: ${description}`}`,
      ...on.map((selector) => `on      ${selector}`),
      ...except.map((selector) => `except  ${selector}`),
      `version ${version}, by ${by.name}, ${updatedAt}`,
      "",
    ].join("\n"),
};

export function groupsCommand(surroundings: Surroundings): Command {
  return newCommand("groups", {
    summary: "Selectors under a name",
    examples: [
      ["deckhand groups set db --on label=role=db --except db-old", "make or change one"],
      ["deckhand groups ls", "which there are"],
      ["deckhand groups show db", "what it stands for"],
    ],
  })
    .addCommand(listDefinitionsCommand(surroundings, GROUPS))
    .addCommand(showDefinitionCommand(surroundings, GROUPS))
    .addCommand(setCommand(surroundings))
    .addCommand(removeDefinitionCommand(surroundings, GROUPS));
}

interface SetFlags {
  readonly on?: string[];
  readonly except?: string[];
  readonly description?: string;
}

function setCommand(surroundings: Surroundings): Command {
  return newCommand("set", {
    summary: "Make a group, or say anew what it stands for",
    examples: [
      [
        "deckhand groups set db --on label=role=db",
        "what the selector matches whenever it is used",
      ],
      ["deckhand groups set db --on svc/db --on svc/cache", "either of them"],
      ["deckhand groups set db --on svc/db --except db-old", "without that one"],
    ],
  })
    .argument("<name>", "small letters, digits, . _ and -")
    .argument("[selector]", "belongs behind --on")
    .option("--on <selector>", "what is in it; repeat to add more", collect)
    .option("--except <selector>", "what is not", collect)
    .option("--description <text>", "what it is for")
    .action(
      action(
        surroundings,
        async (context, name: string, stray: string | undefined, flags: SetFlags) => {
          const on = requireOn(name, stray, flags);
          await saveDefinition(context, GROUPS, {
            name,
            toRequest: (before) => ({
              body: {
                on,
                except: flags.except ?? [],
                description: flags.description ?? before?.description ?? "",
              },
            }),
          });
        },
      ),
    );
}

function requireOn(name: string, stray: string | undefined, { on }: SetFlags): string[] {
  if (on !== undefined && stray === undefined) return on;
  throw new UsageError(
    stray === undefined
      ? `it is not said what is in the group ${name}`
      : `${JSON.stringify(stray)} stands where no selector is read`,
    { hint: `For example: deckhand groups set ${name} --on ${stray ?? "label=role=db"}` },
  );
}
