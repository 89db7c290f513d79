/** A run among those of its key. */
export interface KeyedRun {
  readonly runId: string;
  readonly key: string;
  readonly ticket: number;
}

/** The open runs of each key in the order of their tickets; the first has the key. */
export interface KeyQueues {
  /** Tells whether it has the key now. */
  add(run: KeyedRun): boolean;
  /** Takes out a run that ended; gives the one that has the key from now on because of it. */
  remove(runId: string): string | undefined;
  /** The runs before it, first to last. */
  before(runId: string): readonly string[];
}

export function keyQueues(): KeyQueues {
  const queues = new Map<string, KeyedRun[]>();
  const keys = new Map<string, string>();

  function queueOf(runId: string): KeyedRun[] {
    return queues.get(keys.get(runId) ?? "") ?? [];
  }

  return {
    add: (run) => {
      const queue = queues.get(run.key) ?? [];
      const at = queue.findLastIndex(({ ticket }) => ticket < run.ticket) + 1;
      queues.set(run.key, queue.toSpliced(at, 0, run));
      keys.set(run.runId, run.key);
      return at === 0;
    },
    remove: (runId) => {
      const queue = queueOf(runId);
      const rest = queue.filter((run) => run.runId !== runId);
      const key = keys.get(runId);
      keys.delete(runId);
      if (key === undefined) return undefined;
      if (rest.length > 0) queues.set(key, rest);
      else queues.delete(key);
      return queue[0]?.runId === runId ? rest[0]?.runId : undefined;
    },
    before: (runId) => {
      const queue = queueOf(runId);
      return queue
        .slice(
          0,
          queue.findIndex((run) => run.runId === runId),
        )
        .map((run) => run.runId);
    },
  };
}
