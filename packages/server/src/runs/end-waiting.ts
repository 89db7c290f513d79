import type { OutcomeReason } from "@deckhand/core";
import type { Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import { inBatches } from "./in-batches.ts";
import { noteRecord, type RolloutRecord } from "./rollout/rollout-record.ts";
import { moveRun, type RunRow } from "./run-store.ts";
import type { RunWrites } from "./run-writes.ts";

export interface WaitingEnd {
  readonly runId: string;
  readonly executionIds: readonly string[];
  readonly state: "skipped" | "cancelled";
  readonly reason: OutcomeReason;
  readonly atMs: number;
  /** What is written down of the rollout with it. */
  readonly rollout?: RolloutRecord;
}

/** Ends executions of a run that still wait, all in one transaction; those that do not are left alone. */
export async function endWaiting({ db, runEnded }: RunWrites, end: WaitingEnd): Promise<RunRow> {
  return db.transaction().execute(async (transaction) => {
    let count = 0;
    for (const ids of inBatches(end.executionIds)) count += await endSome(transaction, ids, end);
    if (end.rollout) await noteRecord(transaction, end.runId, end.rollout);
    const step = { from: "queued", to: end.state, count, atMs: end.atMs } as const;
    const run = await moveRun(transaction, end.runId, step);
    if (run.finished_at !== null && count > 0) await runEnded(transaction, run);
    return run;
  });
}

async function endSome(
  transaction: Transaction<Database>,
  ids: readonly string[],
  { state, reason, atMs }: WaitingEnd,
): Promise<number> {
  const { numUpdatedRows } = await transaction
    .updateTable("executions")
    .set({ state, reason_code: reason.code, reason_detail: reason.detail, finished_at: atMs })
    .where("id", "in", ids)
    .where("state", "=", "queued")
    .executeTakeFirst();
  return Number(numUpdatedRows);
}
