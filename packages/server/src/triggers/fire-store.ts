import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";

export interface Fire {
  readonly triggerId: string;
  /** By what the message is known again. */
  readonly messageId: string;
}

/** Gives the run that a message has started. */
export async function findFire(
  db: Kysely<Database>,
  { triggerId, messageId }: Fire,
): Promise<string | undefined> {
  const row = await db
    .selectFrom("trigger_fires")
    .select("run_id")
    .where("trigger_id", "=", triggerId)
    .where("message_id", "=", messageId)
    .executeTakeFirst();
  return row?.run_id;
}

/** Writes down that a message starts a run; false when it has started one. */
export async function claimFire(
  db: Kysely<Database>,
  { triggerId, messageId, runId, atMs }: Fire & { readonly runId: string; readonly atMs: number },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("trigger_fires")
    .values({ trigger_id: triggerId, message_id: messageId, run_id: runId, at: atMs })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Forgets messages that would not be taken any more for their age. */
export async function deleteOldFires(db: Kysely<Database>, beforeMs: number): Promise<void> {
  await db.deleteFrom("trigger_fires").where("at", "<", beforeMs).execute();
}
