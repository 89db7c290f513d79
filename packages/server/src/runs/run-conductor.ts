import { type KeyedRun, keyQueues } from "./concurrency/key-queues.ts";
import type { QueuedExecution, RunDispatcher } from "./run-dispatcher.ts";
import type { RunPlan } from "./run-plan.ts";
import type { MovedExecution } from "./run-store.ts";

/** A run whose executions are to be started when their time has come. */
export interface AcceptedRun {
  readonly runId: string;
  readonly keyed: (KeyedRun & { readonly takesOver: boolean }) | undefined;
  /** Its end was asked for, so that nothing of it is started. */
  readonly isCancelled: boolean;
  /** Those that wait, in order. */
  readonly waiting: readonly QueuedExecution[];
}

/** Places a run among those of its key; one without executions ended at once and has none. */
export function toKeyed(
  { id, plan }: { readonly id: string; readonly plan: Pick<RunPlan, "concurrency"> },
  ticket: number | null,
): AcceptedRun["keyed"] {
  const { concurrency } = plan;
  if (!concurrency || ticket === null) return undefined;
  const { key, onConflict } = concurrency;
  return { runId: id, key, ticket, takesOver: onConflict === "cancel" };
}

export interface ConductorDeps {
  readonly dispatcher: Pick<RunDispatcher, "enqueue">;
  /** Ends a run whose key a later one takes over; one that has ended already is left alone. */
  readonly supersede: (runId: string, by: string) => void;
}

/** Holds executions back until their run may go on, then hands them to the dispatcher. */
export interface RunConductor {
  accept(run: AcceptedRun): void;
  /** Hears of each execution that ended, after that is written down. */
  ended(moved: MovedExecution): void;
  /** Starts nothing more of a run; gives the executions of it that are held back. */
  withdraw(runId: string): ReadonlySet<string>;
  /** How many executions are held back. */
  readonly held: number;
}

export function runConductor(deps: ConductorDeps): RunConductor {
  const held = new Map<string, readonly QueuedExecution[]>();
  const keys = keyQueues();

  function release(runId: string): void {
    const executions = held.get(runId);
    held.delete(runId);
    if (executions) deps.dispatcher.enqueue(executions);
  }

  return {
    accept: ({ runId, keyed, isCancelled, waiting }) => {
      if (!isCancelled) held.set(runId, waiting);
      if (!keyed || keys.add(keyed)) return release(runId);
      if (keyed.takesOver) for (const older of keys.before(runId)) deps.supersede(older, runId);
    },
    ended: ({ run }) => {
      if (run.finished_at === null || run.concurrency_key === null) return;
      const next = keys.remove(run.id);
      if (next !== undefined) release(next);
    },
    withdraw: (runId) => {
      const executions = held.get(runId) ?? [];
      held.delete(runId);
      return new Set(executions.map(({ executionId }) => executionId));
    },
    get held() {
      return [...held.values()].reduce((sum, executions) => sum + executions.length, 0);
    },
  };
}
