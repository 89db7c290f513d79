import type { AuditEntry } from "@deckhand/core";
import type { Insertable, Kysely, Selectable } from "kysely";
import type { Database } from "../database/database.ts";
import { insertRow } from "../database/rows.ts";
import type { Caller } from "./caller.ts";

/** One thing that somebody did, or was refused to do. The detail never holds a secret or a script's text. */
export interface AuditRecord {
  readonly caller: Caller;
  readonly action: string;
  /** What it was done to: an id, a script's name, a path. */
  readonly object: string | null;
  readonly outcome: "allowed" | "refused";
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface AuditFilter {
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  readonly limit: number;
  /** Entries older than this one. */
  readonly beforeId?: number | undefined;
}

export interface AuditLog {
  /** Writes an entry; give the transaction of the change itself where there is one. */
  record(entry: AuditRecord, within?: Kysely<Database>): Promise<void>;
  /** Newest first. */
  list(filter: AuditFilter): Promise<AuditEntry[]>;
}

export function auditLog(db: Kysely<Database>, now: () => number = Date.now): AuditLog {
  return {
    record: async (entry, within = db) => {
      await insertRow(within, "audit", toRow(entry, now()));
    },
    list: async (filter) => (await select(db, filter).execute()).map(toEntry),
  };
}

function select(db: Kysely<Database>, { action, object, limit, beforeId }: AuditFilter) {
  let query = db.selectFrom("audit").selectAll().orderBy("id", "desc").limit(limit);
  if (action !== undefined) query = query.where("action", "=", action);
  if (object !== undefined) query = query.where("object", "=", object);
  if (beforeId !== undefined) query = query.where("id", "<", beforeId);
  return query;
}

function toRow(
  { caller, action, object, outcome, detail }: AuditRecord,
  at: number,
): Insertable<Database["audit"]> {
  return {
    at,
    token_id: caller.principal?.tokenId ?? null,
    token_name: caller.principal?.name ?? "nobody",
    action,
    object,
    address: caller.address,
    outcome,
    request_id: caller.requestId,
    detail_json: JSON.stringify(detail ?? {}),
  };
}

function toEntry(row: Selectable<Database["audit"]>): AuditEntry {
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    who: { tokenId: row.token_id, name: row.token_name },
    action: row.action,
    object: row.object,
    where: row.address,
    outcome: row.outcome,
    requestId: row.request_id,
    detail: JSON.parse(row.detail_json) as Record<string, unknown>,
  };
}
