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
  /** Takes a place now, before the execution is written down; `undefined` when there is none, or others wait for it. */
  reserve(execution: QueuedExecution): ReservedPlace | undefined;
  /** Follows one that runs already: it takes a place, but waits for none. `carryOut` never rejects. */
  adopt(execution: QueuedExecution, carryOut: (executionId: string) => Promise<void>): void;
  /** Takes a waiting execution out; false when it does not wait (any more). */
  remove(executionId: string): boolean;
  /** Starts nothing any more; resolves when what runs has ended. */
  stop(): Promise<void>;
  readonly waiting: number;
  readonly inFlight: number;
}

/** A place that is taken and waits for its execution. */
export interface ReservedPlace {
  /** `carryOut` never rejects; its end frees the place. After `stop` nothing happens: the next server process finds it. */
  start(carryOut: (executionId: string) => Promise<void>): void;
  giveBack(): void;
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
    count(lane, 1);
    follow(lane, execute(executionId));
  }

  function count(lane: ContainerLane, change: 1 | -1): void {
    lane.running += change;
    engineLoad.set(lane.engine, (engineLoad.get(lane.engine) ?? 0) + change);
  }

  function follow(lane: ContainerLane, carriedOut: Promise<void>): void {
    const execution = carriedOut.finally(() => {
      running.delete(execution);
      giveBack(lane);
    });
    running.add(execution);
  }

  function giveBack(lane: ContainerLane): void {
    count(lane, -1);
    fill();
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
    reserve: (execution) => {
      const lane = laneOf(execution);
      if (stopped || lane.waiting.length > 0 || !hasPlace(lane)) return undefined;
      count(lane, 1);
      return {
        start: (carryOut) => {
          if (!stopped) follow(lane, carryOut(execution.executionId));
        },
        giveBack: () => giveBack(lane),
      };
    },
    adopt: (execution, carryOut) => {
      if (!stopped) start(laneOf(execution), execution.executionId, carryOut);
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
