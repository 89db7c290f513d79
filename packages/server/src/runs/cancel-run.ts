import { AppError, isTerminal, type OutcomeReason, type RunState } from "@deckhand/core";
import type { Synced } from "../database/wal-sync.ts";
import { endWaiting } from "./end-waiting.ts";
import type { Executor } from "./execute-run.ts";
import type { RunConductor } from "./run-conductor.ts";
import type { RunDispatcher } from "./run-dispatcher.ts";
import type { RunSignals } from "./run-signals.ts";
import { getRun, listExecutions } from "./run-store.ts";
import type { RunWrites } from "./run-writes.ts";

export interface CancelDeps extends RunWrites {
  readonly synced: Synced;
  readonly dispatcher: Pick<RunDispatcher, "remove">;
  readonly conductor: Pick<RunConductor, "withdraw" | "runMoved">;
  readonly executor: Pick<Executor, "stop">;
  readonly signals: RunSignals;
  readonly now: () => number;
}

/**
 * Cancels what waits at once and asks for the end of what runs; resolves when that is asked for, not when it is done.
 * Asking again is no error while the run goes on; a run that ended is refused with RUN_STATE_CONFLICT.
 */
export async function cancelRun(
  deps: CancelDeps,
  runId: string,
  reason: OutcomeReason,
): Promise<void> {
  const run = await getRun(deps.db, runId);
  if (isTerminal(run.state as RunState)) throw alreadyEnded(runId, run.state);
  await noteCancel(deps.db, runId, reason);
  const held = deps.conductor.withdraw(runId);
  const executionIds: string[] = [];
  for (const { id, state } of await listExecutions(deps.db, runId)) {
    const waits = held.has(id) || deps.dispatcher.remove(id);
    const isUnderWay = !waits && deps.executor.stop(id, { state: "cancelled", reason });
    // The next attempt of one that ended this moment is in nobody's hands yet; whoever takes it finds it ended.
    if (waits || (!isUnderWay && state === "queued")) executionIds.push(id);
  }
  const end = { runId, executionIds, state: "cancelled", reason, atMs: deps.now() } as const;
  const ended = executionIds.length > 0 ? await endWaiting(deps, end) : undefined;
  await deps.synced();
  if (ended) deps.conductor.runMoved(ended);
  deps.signals.notify(runId);
}

/** After a crash the next server process asks again. */
async function noteCancel(
  db: RunWrites["db"],
  runId: string,
  reason: OutcomeReason,
): Promise<void> {
  const cancel_reason_json = JSON.stringify(reason);
  await db
    .updateTable("runs")
    .set({ cancel_reason_json })
    .where("id", "=", runId)
    .where("cancel_reason_json", "is", null)
    .execute();
}

function alreadyEnded(runId: string, state: string): AppError {
  return new AppError("RUN_STATE_CONFLICT", {
    detail: `The run ${runId} has ended (${state}); there is nothing to cancel.`,
    extra: { state },
  });
}
