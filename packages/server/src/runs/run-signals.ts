import type { RunRow } from "./run-store.ts";

/** Says "look again" to whoever waits for a run; the database and the output log hold the truth. */
export interface RunSignals {
  /** `mayBeOver: false` spares those who wait for the end a look. */
  notify(runId: string, change?: RunChange): void;
  /** Calls back on each change of the run until the returned function is called. */
  subscribe(runId: string, listener: RunListener): () => void;
}

export interface RunChange {
  readonly mayBeOver: boolean;
  /** Those who wait for the end make their answer ready while it goes to the disk; others hear of it when it is there. */
  readonly ended?: EndedRun | undefined;
}

export interface EndedRun {
  readonly row: RunRow;
  /** Resolves when it may be told. */
  readonly onDisk: Promise<void>;
}

type RunListener = (change: RunChange) => void;

const ANY_CHANGE: RunChange = { mayBeOver: true };

export function runSignals(): RunSignals {
  const listeners = new Map<string, Set<RunListener>>();
  return {
    notify: (runId, change = ANY_CHANGE) => {
      for (const listener of listeners.get(runId) ?? []) listener(change);
    },
    subscribe: (runId, listener) => {
      const ofRun = listeners.get(runId) ?? new Set();
      listeners.set(runId, ofRun.add(listener));
      return () => {
        ofRun.delete(listener);
        if (ofRun.size === 0 && listeners.get(runId) === ofRun) listeners.delete(runId);
      };
    },
  };
}

/** Waits for the run's next change; `undefined` when the time was up or the signal aborted first. */
export interface Waiter {
  next(options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  }): Promise<RunChange | undefined>;
  close(): void;
}

/** Subscribes at once, so that a change between a look and the wait is not missed. */
export function waitForRun(
  signals: RunSignals,
  runId: string,
  { onlyEnd }: { readonly onlyEnd: boolean },
): Waiter {
  let change: RunChange | undefined;
  let wake = () => {};
  const unsubscribe = signals.subscribe(runId, (newest) => {
    if (onlyEnd ? !newest.mayBeOver : newest.ended) return;
    change = newest;
    wake();
  });
  return {
    next: async ({ timeoutMs, signal }) => {
      if (!change && !signal?.aborted)
        await sleepUntil({ timeoutMs, signal, onWake: (handler) => (wake = handler) });
      const answer = change;
      change = undefined;
      return answer;
    },
    close: unsubscribe,
  };
}

interface Sleep {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onWake: (handler: () => void) => void;
}

function sleepUntil({ timeoutMs, signal, onWake }: Sleep): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      onWake(() => {});
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    signal?.addEventListener("abort", done, { once: true });
    onWake(done);
  });
}
