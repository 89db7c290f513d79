import {
  afterBatch,
  afterEnd,
  afterStart,
  type ExecutionState,
  nextRolloutStep,
  type RolloutPlan,
  type RolloutProgress,
} from "@deckhand/core";
import type { QueuedExecution, RunDispatcher } from "../run-dispatcher.ts";
import type { RolloutStop } from "./rollout-record.ts";

export type StopCause = Pick<RolloutStop, "code" | "detail">;

export interface RolloutParts {
  readonly runId: string;
  readonly plan: RolloutPlan;
  readonly progress: RolloutProgress;
  /** Those that nobody has begun with, in order. */
  readonly waiting: readonly QueuedExecution[];
  /** When the last of those that ended did. */
  readonly lastEndedAtMs: number;
}

export interface RolloutRunDeps {
  readonly dispatcher: Pick<RunDispatcher, "enqueue" | "remove">;
  readonly now: () => number;
  /** Lets the pause behind a batch, from 0, pass and looks at its health; gives why the rollout may not go on. */
  readonly passOn: (batch: EndedBatch, signal: AbortSignal) => Promise<StopCause | undefined>;
  /** Writes down that the rollout stopped and skips these; never rejects. */
  readonly skip: (
    runId: string,
    executionIds: readonly string[],
    cause: StopCause,
  ) => Promise<void>;
}

export interface EndedBatch extends Pick<RolloutParts, "runId" | "plan"> {
  readonly batch: number;
  readonly endedAtMs: number;
}

/** A rollout under way: hands executions to the dispatcher as its plan allows. */
export interface RolloutRun {
  begin(): void;
  /** Hears of the end of the last attempt at one target. */
  ended(executionId: string, state: ExecutionState): void;
  /** Starts nothing more; gives those that were held back. */
  withdraw(): readonly string[];
  /** How many are held back. */
  readonly held: number;
}

export function rolloutRun(deps: RolloutRunDeps, parts: RolloutParts): RolloutRun {
  const { runId, plan, waiting } = parts;
  const over = new AbortController();
  const handed = new Set<string>();
  let { progress, lastEndedAtMs } = parts;
  let next = 0;
  let isBetween = false;

  function advance(): void {
    for (;;) {
      if (over.signal.aborted || isBetween) return;
      const step = nextRolloutStep(plan, progress);
      if (step.kind === "stop") return stop(toTooMany(plan, progress));
      if (step.kind === "between") return goOn();
      if (step.kind !== "start") return;
      hand(step.count);
    }
  }

  function hand(count: number): void {
    const executions = waiting.slice(next, next + count);
    next += count;
    progress = afterStart(progress, count);
    for (const { executionId } of executions) handed.add(executionId);
    deps.dispatcher.enqueue(executions);
  }

  function goOn(): void {
    isBetween = true;
    const batch = { runId, plan, batch: progress.batch, endedAtMs: lastEndedAtMs };
    void deps.passOn(batch, over.signal).then((cause) => {
      if (over.signal.aborted) return;
      isBetween = false;
      if (cause) return stop(cause);
      progress = afterBatch(plan, progress);
      advance();
    });
  }

  /** What was handed on and has not begun is taken back: only what runs is allowed to end. */
  function stop(cause: StopCause): void {
    const taken = [...handed].filter((executionId) => deps.dispatcher.remove(executionId));
    void deps.skip(runId, [...taken, ...withdraw()], cause);
  }

  function withdraw(): readonly string[] {
    over.abort();
    const rest = waiting.slice(next).map(({ executionId }) => executionId);
    next = waiting.length;
    return rest;
  }

  return {
    begin: advance,
    ended: (executionId, state) => {
      handed.delete(executionId);
      lastEndedAtMs = deps.now();
      progress = afterEnd(progress, state);
      advance();
    },
    withdraw,
    get held() {
      return waiting.length - next;
    },
  };
}

function toTooMany({ maxErrors }: RolloutPlan, { errors }: RolloutProgress): StopCause {
  const met = errors === 1 ? "1 target has failed" : `${errors} targets have failed`;
  return {
    code: "rollout-stopped",
    detail: `The rollout stopped before it: ${met}, and ${maxErrors ?? 0} may.`,
  };
}
