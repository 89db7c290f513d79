import { AppError, findSecretProblem, findTextProblem, type StoredSecret } from "@deckhand/core";
import type { Kysely, Selectable } from "kysely";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caller } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { Vault } from "./vault.ts";

export interface StoredSecretsDeps {
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly vault: Pick<Vault, "seal" | "open">;
  readonly audit: Pick<AuditLog, "record">;
  readonly now: () => number;
}

export interface SetSecretInput {
  readonly name: string;
  readonly value: string;
  readonly caller: Caller;
}

/** Secrets that are kept by name: they can be set and used, and never read. */
export interface StoredSecrets {
  list(): Promise<StoredSecret[]>;
  /** Makes it, or gives it another value. */
  set(input: SetSecretInput): Promise<StoredSecret>;
  /** Refuses with SECRET_NOT_FOUND. Runs that were accepted have its value already. */
  delete(name: string, caller: Caller): Promise<void>;
  /** For a run that is being accepted. */
  findValue(name: string): Promise<string | undefined>;
}

export function storedSecrets({ db, synced, vault, audit, now }: StoredSecretsDeps): StoredSecrets {
  return {
    list: async () =>
      (await db.selectFrom("secrets").selectAll().orderBy("name").execute()).map(toView),
    set: async ({ name, value, caller }) => {
      assertValue(value);
      const atMs = now();
      const changed = {
        sealed: vault.seal(value, toContext(name)),
        updated_at: atMs,
        updated_by: caller.principal?.name ?? null,
      };
      const row = await db.transaction().execute(async (transaction) => {
        await audit.record({ caller, ...toEntry(name, "set") }, transaction);
        return transaction
          .insertInto("secrets")
          .values({ name, created_at: atMs, ...changed })
          .onConflict((conflict) => conflict.column("name").doUpdateSet(changed))
          .returningAll()
          .executeTakeFirstOrThrow();
      });
      await synced();
      return toView(row);
    },
    delete: async (name, caller) => {
      await db.transaction().execute(async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom("secrets")
          .where("name", "=", name)
          .executeTakeFirst();
        if (numDeletedRows === 0n) throw notFound(name);
        await audit.record({ caller, ...toEntry(name, "delete") }, transaction);
      });
      await synced();
    },
    findValue: async (name) => {
      const row = await db
        .selectFrom("secrets")
        .select("sealed")
        .where("name", "=", name)
        .executeTakeFirst();
      return row && vault.open(row.sealed, toContext(name));
    },
  };
}

function assertValue(value: string): void {
  const problem = findSecretProblem(value) ?? findTextProblem(value);
  if (problem === undefined) return;
  throw new AppError("BODY_INVALID", {
    detail: `The value ${problem}.`,
    errors: [{ pointer: "/value", detail: problem }],
  });
}

function toContext(name: string): string {
  return `secret/${name}`;
}

function toEntry(name: string, verb: "set" | "delete") {
  return { action: "secret.write", object: name, outcome: "allowed", detail: { verb } } as const;
}

function toView(row: Selectable<Database["secrets"]>): StoredSecret {
  return {
    name: row.name,
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
    updatedBy: row.updated_by,
  };
}

function notFound(name: string): AppError {
  return new AppError("SECRET_NOT_FOUND", {
    detail: `There is no stored secret ${name}.`,
    hint: "List them: deckhand secrets ls",
  });
}
