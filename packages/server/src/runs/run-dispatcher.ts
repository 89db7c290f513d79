/** What waits: an execution, where it goes. */
export interface QueuedExecution {
  readonly executionId: string;
  readonly engine: string;
  readonly containerId: string;
}

export interface RunDispatcherOptions {
  readonly executionsPerContainer: number;
  readonly executionsPerEngine: number;
  /** Carries one execution out; its end frees the place. Never rejects. */
  readonly execute: (executionId: string) => Promise<void>;
}

/**
 * Starts waiting executions in the order they came, as far as the limits of container and engine allow; one that
 * waits for a full container does not hold up the others.
 */
export interface RunDispatcher {
  enqueue(executions: readonly QueuedExecution[]): void;
  /** Follows one that runs already: it takes a place, but waits for none. `follow` never rejects. */
  adopt(execution: QueuedExecution, follow: (executionId: string) => Promise<void>): void;
  /** Takes a waiting execution out; false when it does not wait (any more). */
  remove(executionId: string): boolean;
  /** Starts nothing any more; resolves when what runs has ended. */
  stop(): Promise<void>;
  readonly waiting: number;
  readonly inFlight: number;
}

export function runDispatcher(options: RunDispatcherOptions): RunDispatcher {
  const lanes = new Map<string, ContainerLane>();
  const byId = new Map<string, ContainerLane>();
  const engineLoad = new Map<string, number>();
  const running = new Set<Promise<void>>();
  let stopped = false;

  function laneOf({ engine, containerId }: QueuedExecution): ContainerLane {
    const key = `${engine}/${containerId}`;
    const lane = lanes.get(key) ?? { key, engine, waiting: [], running: 0 };
    lanes.set(key, lane);
    return lane;
  }

  function hasPlace(lane: ContainerLane): boolean {
    return (
      lane.running < options.executionsPerContainer &&
      (engineLoad.get(lane.engine) ?? 0) < options.executionsPerEngine
    );
  }

  function start(
    lane: ContainerLane,
    executionId: string,
    execute: (executionId: string) => Promise<void>,
  ): void {
    byId.delete(executionId);
    lane.running += 1;
    engineLoad.set(lane.engine, (engineLoad.get(lane.engine) ?? 0) + 1);
    const execution = execute(executionId).finally(() => {
      running.delete(execution);
      lane.running -= 1;
      engineLoad.set(lane.engine, (engineLoad.get(lane.engine) ?? 1) - 1);
      fill();
    });
    running.add(execution);
  }

  /** Takes one from each lane in turn, so that a container with a long queue does not starve the others. */
  function fill(): void {
    for (let started = true; started && !stopped; ) {
      started = false;
      for (const lane of lanes.values()) {
        if (lane.waiting.length === 0 || !hasPlace(lane)) continue;
        start(lane, lane.waiting.shift() as string, options.execute);
        started = true;
      }
    }
    for (const lane of lanes.values())
      if (lane.waiting.length === 0 && lane.running === 0) lanes.delete(lane.key);
  }

  return {
    enqueue: (executions) => {
      for (const execution of executions) {
        const lane = laneOf(execution);
        lane.waiting.push(execution.executionId);
        byId.set(execution.executionId, lane);
      }
      fill();
    },
    adopt: (execution, follow) => {
      if (!stopped) start(laneOf(execution), execution.executionId, follow);
    },
    remove: (executionId) => {
      const lane = byId.get(executionId);
      if (!lane) return false;
      lane.waiting = lane.waiting.filter((id) => id !== executionId);
      return byId.delete(executionId);
    },
    stop: async () => {
      stopped = true;
      await Promise.all(running);
    },
    get waiting() {
      return byId.size;
    },
    get inFlight() {
      return running.size;
    },
  };
}

interface ContainerLane {
  readonly key: string;
  readonly engine: string;
  waiting: string[];
  running: number;
}
