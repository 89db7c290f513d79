import { type ExecutionState, isTerminal } from "../runs/execution-state.ts";
import type { RolloutPlan } from "./plan-rollout.ts";

/** How far a rollout is. Only targets of one batch go on at a time. */
export interface RolloutProgress {
  /** The batch that goes on, from 0. */
  readonly batch: number;
  /** Of it, those that were not handed on yet. */
  readonly waiting: number;
  /** Of it, those that were handed on and have not ended, retries included. */
  readonly going: number;
  readonly errors: number;
}

export type RolloutStep =
  | { readonly kind: "start"; readonly count: number }
  /** Something that goes on has to end first. */
  | { readonly kind: "wait" }
  /** This batch has ended; pause and health come before the next. */
  | { readonly kind: "between" }
  | { readonly kind: "stop" }
  | { readonly kind: "end" };

/** Decides what is next. What goes on is always allowed to end. */
export function nextRolloutStep(plan: RolloutPlan, progress: RolloutProgress): RolloutStep {
  const { batch, waiting, going, errors } = progress;
  const isLast = batch >= plan.batches.length - 1;
  const nothingWaits = waiting === 0 && isLast;
  if (nothingWaits) return going === 0 ? { kind: "end" } : { kind: "wait" };
  if (plan.maxErrors !== null && errors > plan.maxErrors) return { kind: "stop" };
  if (waiting === 0) return going === 0 ? { kind: "between" } : { kind: "wait" };
  const count = Math.min(waiting, plan.maxConcurrency - going);
  return count > 0 ? { kind: "start", count } : { kind: "wait" };
}

/** Where a rollout begins. */
export function firstProgress(plan: RolloutPlan): RolloutProgress {
  return { batch: 0, waiting: plan.batches[0] ?? 0, going: 0, errors: 0 };
}

export function afterStart(progress: RolloutProgress, count: number): RolloutProgress {
  return { ...progress, waiting: progress.waiting - count, going: progress.going + count };
}

export function afterEnd(progress: RolloutProgress, state: ExecutionState): RolloutProgress {
  const errors = progress.errors + Number(isRolloutError(state));
  return { ...progress, going: progress.going - 1, errors };
}

export function afterBatch(plan: RolloutPlan, { batch, errors }: RolloutProgress): RolloutProgress {
  return { batch: batch + 1, waiting: plan.batches[batch + 1] ?? 0, going: 0, errors };
}

/**
 * What never started says nothing of the script, nor does what somebody cancelled. What is lost did start, and a
 * container that goes down under a script is what a rollout is to stop at.
 */
export function isRolloutError(state: ExecutionState): boolean {
  return state === "failed" || state === "timed-out" || state === "lost";
}

/** The last attempt at one target of a rollout, as its row has it. */
export interface RolloutTarget {
  readonly state: ExecutionState;
  /** From 1; a later one belongs to a target that has begun, also while it waits. */
  readonly attempt: number;
}

function isUntouched({ state, attempt }: RolloutTarget): boolean {
  return state === "queued" && attempt === 1;
}

/**
 * Finds how far a rollout is from its rows, in order: after a restart nothing else is known. What was handed on and
 * had not begun waits again.
 */
export function progressOf(plan: RolloutPlan, targets: readonly RolloutTarget[]): RolloutProgress {
  let progress = firstProgress(plan);
  const errors = targets.filter(({ state }) => isRolloutError(state)).length;
  for (let from = 0; ; from += plan.batches[progress.batch - 1] ?? 0) {
    const size = plan.batches[progress.batch] ?? 0;
    const open = targets.slice(from, from + size).filter(({ state }) => !isTerminal(state));
    const waiting = open.filter(isUntouched).length;
    const going = open.length - waiting;
    const isOver = waiting + going === 0 && progress.batch < plan.batches.length - 1;
    const hasBegun =
      isOver && batchHasBegun(plan, targets, { batch: progress.batch + 1, from: from + size });
    if (!hasBegun) return { ...progress, waiting, going, errors };
    progress = afterBatch(plan, progress);
  }
}

function batchHasBegun(
  plan: RolloutPlan,
  targets: readonly RolloutTarget[],
  { batch, from }: { readonly batch: number; readonly from: number },
): boolean {
  return targets
    .slice(from, from + (plan.batches[batch] ?? 0))
    .some((target) => !isUntouched(target));
}
