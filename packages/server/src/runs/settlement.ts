import type { OutcomeReason, OutcomeReasonCode } from "@deckhand/core";
import type { OutputTotals } from "../output/output-writer.ts";
import type { Detached, Leftover, SessionOutcome } from "../sessions/session.ts";
import type { ExecutionChange } from "./run-store.ts";

/** Why we stopped an execution ourselves; the first reason wins. */
export interface StopReason {
  readonly state: "timed-out" | "cancelled";
  readonly reason: OutcomeReason;
}

/** What is not detached has ended. */
export type EndedOutcome = Exclude<SessionOutcome, Detached>;

export interface EndedExecution {
  readonly outcome: EndedOutcome;
  readonly stop: StopReason | undefined;
  /** What the stop could not end, or what was seen after an end that nobody told. */
  readonly leftovers: readonly Leftover[];
  readonly totals: OutputTotals;
  readonly atMs: number;
}

/** After these we know that nothing of the script runs any more, so a stop did what it was asked for. */
const CONTAINER_ENDED: ReadonlySet<OutcomeReasonCode> = new Set([
  "container-stopped",
  "container-restarted",
  "container-gone",
  "out-of-memory",
]);

/** Decides the final state from how the session ended and whether we had asked for the end. */
export function toSettlement(ended: EndedExecution): ExecutionChange {
  return { ...toFinalState(ended), atMs: ended.atMs, output: toOutput(ended) };
}

function toFinalState(ended: EndedExecution): Omit<ExecutionChange, "atMs"> {
  const { outcome, stop } = ended;
  if (outcome.kind === "lost") return stop ? toStoppedBlindly(ended, stop) : toLost(ended);
  const exit = { exitCode: outcome.exitCode, signal: outcome.signal, usage: outcome.usage };
  if (stop) {
    // The look after the stop is the newer one: what the script's end still saw may have been dying.
    const reason = withLeftovers(stop.reason, ended.leftovers);
    return { state: stop.state, reason, leftovers: ended.leftovers, ...exit };
  }
  const { leftovers } = outcome;
  if (outcome.exitCode === 0) {
    return {
      state: "succeeded",
      reason: { code: "exit-zero", detail: "The script ended with exit code 0." },
      leftovers,
      ...exit,
    };
  }
  return { state: "failed", reason: toFailure(outcome), leftovers, ...exit };
}

function toFailure({
  exitCode,
  signal,
}: {
  readonly exitCode: number;
  readonly signal: string | undefined;
}): OutcomeReason {
  if (signal) return { code: "signal", detail: `The script was ended by ${signal}.` };
  return { code: "exit-code", detail: `The script ended with exit code ${exitCode}.` };
}

/** The end came without word from the script, after we had asked for it. */
function toStoppedBlindly(ended: EndedExecution, stop: StopReason): Omit<ExecutionChange, "atMs"> {
  if (ended.outcome.kind !== "lost" || !CONTAINER_ENDED.has(ended.outcome.reason.code))
    return toLost(ended);
  const detail = `${stop.reason.detail} ${ended.outcome.reason.detail}`;
  return {
    state: stop.state,
    reason: { code: stop.reason.code, detail },
    leftovers: ended.leftovers,
  };
}

function toLost({ outcome, leftovers, stop }: EndedExecution): Omit<ExecutionChange, "atMs"> {
  if (outcome.kind !== "lost") throw new TypeError("only a lost session makes a lost execution");
  const reason = stop
    ? {
        ...outcome.reason,
        detail: `${outcome.reason.detail} A stop had been asked for: ${stop.reason.detail}`,
      }
    : outcome.reason;
  return { state: "lost", reason: withLeftovers(reason, leftovers), leftovers };
}

function withLeftovers(reason: OutcomeReason, leftovers: readonly Leftover[]): OutcomeReason {
  if (leftovers.length === 0) return reason;
  const pids = leftovers.map(({ pid }) => pid).join(", ");
  return { ...reason, detail: `${reason.detail} Still running: process ${pids}.` };
}

function toOutput({ outcome, totals }: EndedExecution): NonNullable<ExecutionChange["output"]> {
  const { problem, ...counts } = totals;
  return {
    ...counts,
    complete: outcome.kind === "exited" && outcome.outputComplete && problem === undefined,
  };
}
