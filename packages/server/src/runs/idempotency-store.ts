import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";

/** The run that a key already stands for. */
export interface EarlierRun {
  readonly runId: string;
  readonly requestSha256: string;
}

/** Finds what a key was used for within the time it is kept. */
export async function findEarlierRun(
  db: Kysely<Database>,
  key: { readonly tokenId: string; readonly key: string; readonly notBeforeMs: number },
): Promise<EarlierRun | undefined> {
  const row = await db
    .selectFrom("idempotency_keys")
    .select(["run_id", "request_sha256"])
    .where("token_id", "=", key.tokenId)
    .where("key", "=", key.key)
    .where("created_at", ">=", key.notBeforeMs)
    .executeTakeFirst();
  return row && { runId: row.run_id, requestSha256: row.request_sha256 };
}

/** Forgets keys that are older than they are kept. */
export async function deleteIdempotencyKeys(db: Kysely<Database>, beforeMs: number): Promise<void> {
  await db.deleteFrom("idempotency_keys").where("created_at", "<", beforeMs).execute();
}
