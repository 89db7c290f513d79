import { type ExecutionState, progressOf } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { readRecord } from "./rollout/rollout-record.ts";
import { toLastAttempts } from "./last-attempts.ts";
import { type AcceptedRun, toKeyed, toQueuedExecution, toWaitingRetry } from "./run-conductor.ts";
import { readPlan, type RunPlan } from "./run-plan.ts";
import { type ExecutionRow, listExecutions, type RunRow } from "./run-store.ts";

/** Finds from its rows what an open run of an earlier server process still has to start. */
export async function toAcceptedAgain(db: Kysely<Database>, row: RunRow): Promise<AcceptedRun> {
  const plan = readPlan(row.plan_json);
  const executions = await listExecutions(db, row.id);
  const waiting = executions.filter(({ state }) => state === "queued");
  return {
    runId: row.id,
    keyed: toKeyed({ id: row.id, plan }, row.concurrency_ticket),
    isCancelled: row.cancel_reason_json !== null,
    waiting: waiting.filter(({ attempt }) => attempt === 1).map(toQueuedExecution),
    retries: waiting.filter(({ attempt }) => attempt > 1).map(toWaitingRetry),
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
  const targets = toLastAttempts(executions).map(({ state, attempt }) => ({
    state: state as ExecutionState,
    attempt,
  }));
  const ends = executions.map(({ finished_at }) => finished_at ?? created_at);
  return { plan, progress: progressOf(plan, targets), lastEndedAtMs: Math.max(...ends) };
}
