import {
  AppError,
  assertGroupSound,
  type GroupBody,
  groupNames,
  parseSelector,
  replaceGroupRequest,
  type SavedGroups,
  type TargetChoice,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { DefinitionChange, DefinitionKind } from "../definitions/definition.ts";
import { type Definitions, type DefinitionsDeps, definitions } from "../definitions/definitions.ts";

/** The saved groups of targets. */
export interface Groups {
  readonly definitions: Definitions<GroupBody>;
  /** All of them, as selectors refer to them; within a transaction where the caller is in one. */
  readAll(within?: Kysely<Database>): Promise<SavedGroups>;
}

export function groups(deps: DefinitionsDeps): Groups {
  const all: Definitions<GroupBody> = definitions(deps, groupKind(readAll));
  async function readAll(within?: Kysely<Database>): Promise<SavedGroups> {
    const found = await all.list({}, within);
    return new Map(found.map(({ name, body }) => [name, toChoice(body)]));
  }
  return { definitions: all, readAll };
}

function toChoice({ on, except }: GroupBody): TargetChoice {
  return { on: on.map(parseSelector), except: except.map(parseSelector) };
}

function groupKind(
  readAll: (within: Kysely<Database>) => Promise<SavedGroups>,
): DefinitionKind<GroupBody> {
  return {
    kind: "group",
    words: { one: "group", many: "groups", command: "deckhand groups" },
    action: "group.write",
    body: replaceGroupRequest,
    onChange: async ({ before, after }: DefinitionChange<GroupBody>, transaction) => {
      const left = await readAll(transaction);
      if (after) return assertGroupSound(left, after.name);
      if (before) assertUnused(left, before.name);
    },
  };
}

function assertUnused(left: SavedGroups, name: string): void {
  const users = [...left].filter(([, { on, except }]) =>
    groupNames([...on, ...except]).includes(name),
  );
  if (users.length === 0) return;
  const shown = users.slice(0, 5).map(([user]) => `@${user}`);
  const more = users.length > shown.length ? ` and ${users.length - shown.length} more` : "";
  throw new AppError("DEFINITION_IN_USE", {
    detail: `${shown.join(", ")}${more} ${users.length === 1 ? "refers" : "refer"} to the group ${name}.`,
    hint: "Change or delete those first.",
  });
}
