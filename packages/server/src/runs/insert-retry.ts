import type { Insertable, Transaction } from "kysely";
import type { Database, ExecutionsTable } from "../database/database.ts";
import { insertRow } from "../database/rows.ts";
import type { ExecutionRow } from "./run-store.ts";

/** The next attempt at a target. */
export interface NewRetry {
  readonly id: string;
  readonly notBeforeMs: number;
}

/** Adds the attempt that follows one which ends now. */
export async function insertRetry(
  transaction: Transaction<Database>,
  before: ExecutionRow,
  { id, notBeforeMs, atMs }: NewRetry & { readonly atMs: number },
): Promise<ExecutionRow> {
  const { run_id, target_id, target_name, engine, container_id, container_started_at, image } =
    before;
  const { last } = await transaction
    .selectFrom("executions")
    .select(({ fn }) => fn.max("position").as("last"))
    .where("run_id", "=", run_id)
    .executeTakeFirstOrThrow();
  const row = {
    id,
    run_id,
    position: last + 1,
    target_id,
    target_name,
    engine,
    container_id,
    container_started_at,
    image,
    state: "queued",
    reason_code: "waiting-for-retry",
    reason_detail: `Attempt ${before.attempt + 1} follows at ${new Date(notBeforeMs).toISOString()}.`,
    queued_at: atMs,
    attempt: before.attempt + 1,
    retry_of: before.id,
    not_before: notBeforeMs,
    exit_code: null,
    signal: null,
    guarantees_json: null,
    starting_at: null,
    started_at: null,
    finished_at: null,
  } satisfies Insertable<ExecutionsTable>;
  await insertRow(transaction, "executions", row);
  return { ...before, ...row, retried_by: null, usage_json: null, leftovers_json: "[]" };
}
