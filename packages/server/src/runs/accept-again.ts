import { type ExecutionState, progressOf } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { readRecord } from "./rollout/rollout-record.ts";
import { type AcceptedRun, toKeyed } from "./run-conductor.ts";
import type { QueuedExecution } from "./run-dispatcher.ts";
import { readPlan, type RunPlan } from "./run-plan.ts";
import { type ExecutionRow, listExecutions, type RunRow } from "./run-store.ts";

/** Finds from its rows what an open run of an earlier server process still has to start. */
export async function toAcceptedAgain(db: Kysely<Database>, row: RunRow): Promise<AcceptedRun> {
  const plan = readPlan(row.plan_json);
  const executions = await listExecutions(db, row.id);
  return {
    runId: row.id,
    keyed: toKeyed({ id: row.id, plan }, row.concurrency_ticket),
    isCancelled: row.cancel_reason_json !== null,
    waiting: executions.filter(({ state }) => state === "queued").map(toQueuedExecution),
    rollout: toRollout(row, plan, executions),
  };
}

/** A rollout that stopped has skipped all that waited. */
function toRollout(
  { rollout_json, created_at }: RunRow,
  { rollout: plan }: RunPlan,
  executions: readonly ExecutionRow[],
): AcceptedRun["rollout"] {
  if (!plan || rollout_json === null || readRecord(rollout_json).stopped) return undefined;
  const targets = executions.map(({ state, attempt }) => ({
    state: state as ExecutionState,
    attempt,
  }));
  const ends = executions.map(({ finished_at }) => finished_at ?? created_at);
  return { plan, progress: progressOf(plan, targets), lastEndedAtMs: Math.max(...ends) };
}

export function toQueuedExecution(row: ExecutionRow): QueuedExecution {
  return { executionId: row.id, engine: row.engine, containerId: row.container_id };
}
