import type { QueuedExecution, RunDispatcher } from "./run-dispatcher.ts";

export interface WaitingRetry {
  readonly execution: QueuedExecution;
  readonly notBeforeMs: number;
}

export interface RetryTimersDeps {
  readonly dispatcher: Pick<RunDispatcher, "enqueue">;
  readonly now: () => number;
}

/** Attempts that wait for their time. */
export interface RetryTimers {
  add(runId: string, retry: WaitingRetry): void;
  /** Takes out those of a run. */
  withdraw(runId: string): readonly string[];
  close(): void;
  readonly size: number;
}

export function retryTimers({ dispatcher, now }: RetryTimersDeps): RetryTimers {
  const waiting = new Map<string, { readonly runId: string; readonly timer: NodeJS.Timeout }>();

  function take(executionId: string): void {
    clearTimeout(waiting.get(executionId)?.timer);
    waiting.delete(executionId);
  }

  return {
    add: (runId, { execution, notBeforeMs }) => {
      const start = () => {
        waiting.delete(execution.executionId);
        dispatcher.enqueue([execution]);
      };
      const timer = setTimeout(start, Math.max(0, notBeforeMs - now()));
      waiting.set(execution.executionId, { runId, timer });
    },
    withdraw: (runId) => {
      const ids = [...waiting].flatMap(([id, entry]) => (entry.runId === runId ? [id] : []));
      for (const id of ids) take(id);
      return ids;
    },
    close: () => {
      for (const id of [...waiting.keys()]) take(id);
    },
    get size() {
      return waiting.size;
    },
  };
}
