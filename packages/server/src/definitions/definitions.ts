import { AppError, findNearMatch, type IdKind, toDefinitionTag } from "@deckhand/core";
import type { Kysely, Transaction } from "kysely";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caller } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { Definition, DefinitionChange, DefinitionKind } from "./definition.ts";
import {
  type DefinitionRange,
  deleteDefinition,
  findDefinition,
  insertDefinition,
  selectDefinitions,
  updateDefinition,
} from "./definition-store.ts";

export interface DefinitionsDeps {
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly audit: Pick<AuditLog, "record">;
  readonly newId: (kind: IdKind) => string;
  readonly now: () => number;
}

export interface NamedBody<Body> {
  readonly caller: Caller;
  readonly name: string;
  readonly body: Body;
}

/** Which version is meant: the ETag of the one that was read. */
export interface KnownVersion {
  readonly caller: Caller;
  readonly name: string;
  readonly ifMatch: string;
}

/** Everything of one kind that is kept under a name. Reads can be given a transaction to read in. */
export interface Definitions<Body> {
  readonly kind: DefinitionKind<Body>;
  /** By name. */
  list(range?: DefinitionRange, within?: Kysely<Database>): Promise<Definition<Body>[]>;
  find(name: string, within?: Kysely<Database>): Promise<Definition<Body> | undefined>;
  /** Throws DEFINITION_NOT_FOUND. */
  get(name: string, within?: Kysely<Database>): Promise<Definition<Body>>;
  /** Throws DEFINITION_EXISTS. */
  create(input: NamedBody<Body>): Promise<Definition<Body>>;
  /** Throws DEFINITION_NOT_FOUND, or VERSION_CONFLICT when it is at another version than the one known. */
  replace(input: NamedBody<Body> & KnownVersion): Promise<Definition<Body>>;
  delete(input: KnownVersion): Promise<void>;
}

type Step<Body> = (transaction: Transaction<Database>) => Promise<DefinitionChange<Body>>;

export function definitions<Body>(
  deps: DefinitionsDeps,
  kind: DefinitionKind<Body>,
): Definitions<Body> {
  const { db } = deps;
  const get = async (name: string, within: Kysely<Database> = db) =>
    (await findDefinition(within, kind, name)) ?? (await refuseUnknown(within, kind, name));

  /** The row, what the change entails and the audit entry stand or fall together. */
  async function change(caller: Caller, step: Step<Body>): Promise<DefinitionChange<Body>> {
    const changed = await db.transaction().execute(async (transaction) => {
      const made = await step(transaction);
      await kind.onChange?.(made, transaction);
      await deps.audit.record(toEntry(kind, { caller, change: made }), transaction);
      return made;
    });
    await deps.synced();
    kind.onChanged?.(changed);
    return changed;
  }

  async function getMatching(input: KnownVersion, transaction: Transaction<Database>) {
    const before = await get(input.name, transaction);
    if (toDefinitionTag(before) === input.ifMatch) return before;
    throw versionConflict(kind, input.name);
  }

  return {
    kind,
    list: (range, within = db) => selectDefinitions(within, kind, range),
    find: (name, within = db) => findDefinition(within, kind, name),
    get,
    create: async (input) => {
      const { after } = await change(input.caller, async (transaction) => {
        if (await findDefinition(transaction, kind, input.name)) throw exists(kind, input.name);
        const after = toFirst(deps, kind, input);
        await insertDefinition(transaction, kind, after);
        return { before: undefined, after };
      });
      return after as Definition<Body>;
    },
    replace: async (input) => {
      const { after } = await change(input.caller, async (transaction) => {
        const before = await getMatching(input, transaction);
        const after = toNext(before, input, deps.now());
        await updateDefinition(transaction, kind, after);
        return { before, after };
      });
      return after as Definition<Body>;
    },
    delete: async (input) => {
      await change(input.caller, async (transaction) => {
        const before = await getMatching(input, transaction);
        await deleteDefinition(transaction, before.id);
        return { before, after: undefined };
      });
    },
  };
}

function toFirst<Body>(
  { newId, now }: DefinitionsDeps,
  { kind }: DefinitionKind<Body>,
  { caller, name, body }: NamedBody<Body>,
): Definition<Body> {
  const createdAtMs = now();
  return {
    id: newId(kind),
    name,
    version: 1,
    body,
    createdAtMs,
    updatedAtMs: createdAtMs,
    by: byOf(caller),
  };
}

function toNext<Body>(
  before: Definition<Body>,
  { caller, body }: NamedBody<Body>,
  updatedAtMs: number,
): Definition<Body> {
  return { ...before, version: before.version + 1, body, updatedAtMs, by: byOf(caller) };
}

function byOf({ principal }: Caller): Definition<unknown>["by"] {
  return { tokenId: principal?.tokenId ?? null, name: principal?.name ?? "nobody" };
}

interface AuditedChange<Body> {
  readonly caller: Caller;
  readonly change: DefinitionChange<Body>;
}

function toEntry<Body>(
  { action }: DefinitionKind<Body>,
  { caller, change: { before, after } }: AuditedChange<Body>,
) {
  const verb = before === undefined ? "create" : after === undefined ? "delete" : "replace";
  const { id, name, version } = (after ?? before) as Definition<Body>;
  const detail = { verb, id, version };
  return { caller, action, object: name, outcome: "allowed", detail } as const;
}

async function refuseUnknown<Body>(
  db: Kysely<Database>,
  kind: DefinitionKind<Body>,
  name: string,
): Promise<never> {
  const { one, command } = kind.words;
  const known = (await selectDefinitions(db, kind)).map((known) => known.name);
  const near = findNearMatch(name, known);
  throw new AppError("DEFINITION_NOT_FOUND", {
    detail: `There is no ${one} ${name}${near === undefined ? "." : `; did you mean ${near}?`}`,
    hint: `List them with \`${command} ls\`.`,
  });
}

function exists<Body>({ words }: DefinitionKind<Body>, name: string): AppError {
  return new AppError("DEFINITION_EXISTS", {
    detail: `The ${words.one} ${name} exists.`,
    hint: "Replace it (PUT with If-Match), or take another name.",
  });
}

function versionConflict<Body>({ words }: DefinitionKind<Body>, name: string): AppError {
  return new AppError("VERSION_CONFLICT", {
    detail: `The ${words.one} ${name} is at another version than the one you read.`,
    hint: `Read it again with \`${words.command} show ${name}\`, and make your change to that.`,
  });
}
