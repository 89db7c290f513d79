/** Where an execution stands; the last seven are final. */
export const EXECUTION_STATES = [
  "queued",
  "starting",
  "running",
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  "lost",
  "rejected",
  "skipped",
] as const;

export type ExecutionState = (typeof EXECUTION_STATES)[number];

/** The one table of allowed transitions; a final state has none. */
export const NEXT_EXECUTION_STATES = {
  queued: ["starting", "cancelled", "rejected", "skipped"],
  starting: ["running", "succeeded", "failed", "timed-out", "cancelled", "lost", "rejected"],
  running: ["succeeded", "failed", "timed-out", "cancelled", "lost"],
  succeeded: [],
  failed: [],
  "timed-out": [],
  cancelled: [],
  lost: [],
  rejected: [],
  skipped: [],
} as const satisfies Record<ExecutionState, readonly ExecutionState[]>;

export const TERMINAL_EXECUTION_STATES = EXECUTION_STATES.filter(
  (state) => NEXT_EXECUTION_STATES[state].length === 0,
);

/** Tells whether an execution in this state can never change again. */
export function isTerminal(state: ExecutionState): boolean {
  return NEXT_EXECUTION_STATES[state].length === 0;
}

/** Tells whether the table allows the step. */
export function canMove(from: ExecutionState, to: ExecutionState): boolean {
  return (NEXT_EXECUTION_STATES[from] as readonly ExecutionState[]).includes(to);
}
