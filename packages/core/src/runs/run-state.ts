import { EXECUTION_STATES, type ExecutionState, isTerminal } from "./execution-state.ts";

/** A run's state follows from its executions': `queued`, `running`, or the worst of their final states. */
export const RUN_STATES = EXECUTION_STATES.filter((state) => state !== "starting");
export type RunState = Exclude<ExecutionState, "starting">;

/** How many executions are in each state. */
export type ExecutionCounts = Readonly<Record<ExecutionState, number>>;

/** The first of these that any execution ended in is what the run ended in. */
const WORST_FIRST = [
  "lost",
  "failed",
  "timed-out",
  "rejected",
  "cancelled",
  "skipped",
  "succeeded",
] as const satisfies readonly RunState[];

/** Counts states. */
export function countStates(states: Iterable<ExecutionState>): ExecutionCounts {
  const counts = Object.fromEntries(EXECUTION_STATES.map((state) => [state, 0])) as Record<
    ExecutionState,
    number
  >;
  for (const state of states) counts[state] += 1;
  return counts;
}

/** Derives the run's state; a run without executions (nothing matched, and that was allowed) succeeded. */
export function deriveRunState(counts: ExecutionCounts): RunState {
  const open = EXECUTION_STATES.filter((state) => !isTerminal(state) && counts[state] > 0);
  if (open.length === 0) return WORST_FIRST.find((state) => counts[state] > 0) ?? "succeeded";
  const nothingTaken = open.length === 1 && open[0] === "queued";
  const nothingEnded = !WORST_FIRST.some((state) => counts[state] > 0);
  return nothingTaken && nothingEnded ? "queued" : "running";
}
