import type { ExecutionState } from "@deckhand/core";
import { type KeyedRun, keyQueues } from "./concurrency/key-queues.ts";
import {
  type RolloutParts,
  type RolloutRun,
  type RolloutRunDeps,
  rolloutRun,
} from "./rollout/rollout-run.ts";
import { retryTimers, type WaitingRetry } from "./retry-timers.ts";
import type { QueuedExecution } from "./run-dispatcher.ts";
import type { RunPlan } from "./run-plan.ts";
import type { ExecutionRow, MovedExecution, RunRow } from "./run-store.ts";

/** A run whose executions are to be started when their time has come. */
export interface AcceptedRun {
  readonly runId: string;
  readonly keyed: (KeyedRun & { readonly takesOver: boolean }) | undefined;
  /** Its end was asked for, so that nothing of it is started. */
  readonly isCancelled: boolean;
  /** Those that wait, in order. */
  readonly waiting: readonly QueuedExecution[];
  /** Attempts that follow earlier ones. */
  readonly retries: readonly WaitingRetry[];
  /** How far its rollout is; `undefined` when it has none, or when that stopped. */
  readonly rollout: Pick<RolloutParts, "plan" | "progress" | "lastEndedAtMs"> | undefined;
}

/** Places a run among those of its key. */
export function toKeyed(
  { id, plan }: { readonly id: string; readonly plan: Pick<RunPlan, "concurrency"> },
  ticket: number | null,
): AcceptedRun["keyed"] {
  const { concurrency } = plan;
  if (!concurrency || ticket === null) return undefined;
  const { key, onConflict } = concurrency;
  return { runId: id, key, ticket, takesOver: onConflict === "cancel" };
}

export function toWaitingRetry(row: ExecutionRow): WaitingRetry {
  return { execution: toQueuedExecution(row), notBeforeMs: row.not_before ?? 0 };
}

export function toQueuedExecution(row: ExecutionRow): QueuedExecution {
  return { executionId: row.id, engine: row.engine, containerId: row.container_id };
}

export interface ConductorDeps extends RolloutRunDeps {
  /** Ends a run whose key a later one takes over; one that has ended already is left alone. */
  readonly supersede: (runId: string, by: string) => void;
}

/** Holds executions back until their run may go on with them, then hands them to the dispatcher. */
export interface RunConductor {
  accept(run: AcceptedRun): void;
  /** Hears of each execution that ended, after that is written down. */
  executionEnded(moved: MovedExecution): void;
  /** Hears of a run that may have ended, likewise. */
  runMoved(run: RunRow): void;
  /** Starts nothing more of a run; gives the executions of it that are held back. */
  withdraw(runId: string): ReadonlySet<string>;
  /** Lets go of everything: it goes on with the next server process. */
  close(): void;
  /** How many executions are held back. */
  readonly held: number;
}

export function runConductor(deps: ConductorDeps): RunConductor {
  const held = new Map<string, AcceptedRun>();
  const rollouts = new Map<string, RolloutRun>();
  const keys = keyQueues();
  const retries = retryTimers(deps);

  function release(runId: string): void {
    const run = held.get(runId);
    if (!run || run.isCancelled) return;
    held.delete(runId);
    const { rollout, waiting } = run;
    for (const retry of run.retries) retries.add(runId, retry);
    if (!rollout) return deps.dispatcher.enqueue(waiting);
    const begun = rolloutRun(deps, { runId, waiting, ...rollout });
    rollouts.set(runId, begun);
    begun.begin();
  }

  function runMoved({ id, finished_at, concurrency_key }: RunRow): void {
    if (finished_at === null) return;
    rollouts.get(id)?.withdraw();
    rollouts.delete(id);
    retries.withdraw(id);
    if (concurrency_key === null) return;
    const next = keys.remove(id);
    if (next !== undefined) release(next);
  }

  return {
    accept: (run) => {
      const { runId, keyed } = run;
      held.set(runId, run);
      if (!keyed || keys.add(keyed)) return release(runId);
      if (keyed.takesOver) for (const older of keys.before(runId)) deps.supersede(older, runId);
    },
    executionEnded: ({ execution, run, retry }) => {
      if (retry) return retries.add(run.id, toWaitingRetry(retry));
      rollouts.get(run.id)?.ended(execution.id, execution.state as ExecutionState);
      runMoved(run);
    },
    runMoved,
    withdraw: (runId) => {
      const { waiting = [], retries: later = [] } = held.get(runId) ?? {};
      held.delete(runId);
      const kept = [...waiting, ...later.map(({ execution }) => execution)];
      return new Set([
        ...kept.map(({ executionId }) => executionId),
        ...(rollouts.get(runId)?.withdraw() ?? []),
        ...retries.withdraw(runId),
      ]);
    },
    close: () => {
      for (const rollout of rollouts.values()) rollout.withdraw();
      retries.close();
      held.clear();
    },
    get held() {
      let count = retries.size;
      for (const { waiting } of held.values()) count += waiting.length;
      for (const rollout of rollouts.values()) count += rollout.held;
      return count;
    },
  };
}
