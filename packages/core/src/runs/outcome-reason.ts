import type { ExecutionState } from "./execution-state.ts";

/**
 * Why an execution is in its state. Each code belongs to the states named beside it and has an entry in
 * docs/run-life-cycle.md; the detail that travels with it says it in a sentence, with names and numbers.
 */
export const OUTCOME_REASONS = {
  "waiting-for-slot": ["queued"],
  "waiting-for-run": ["queued"],
  "waiting-for-rollout": ["queued"],
  "waiting-for-retry": ["queued"],
  "container-paused": ["rejected"],
  "exit-zero": ["succeeded"],
  "exit-code": ["failed"],
  signal: ["failed"],
  "out-of-memory": ["lost"],
  deadline: ["timed-out"],
  "cancel-requested": ["cancelled"],
  superseded: ["cancelled"],
  "key-taken": ["skipped"],
  "rollout-stopped": ["skipped"],
  "health-failed": ["skipped"],
  "server-shutdown": ["lost"],
  "server-restarted": ["lost"],
  "container-stopped": ["lost"],
  "container-restarted": ["lost"],
  "container-gone": ["lost", "rejected"],
  "container-not-running": ["rejected"],
  "engine-unreachable": ["lost", "rejected"],
  "connection-lost": ["lost"],
  "guard-gone": ["lost"],
  "terminal-impossible": ["rejected"],
  "exit-unknown": ["lost"],
  "no-shell": ["rejected"],
  "interpreter-missing": ["rejected"],
  "no-writable-directory": ["rejected"],
  "user-unknown": ["rejected"],
  "workdir-missing": ["rejected"],
  "environment-too-large": ["rejected"],
  "secret-forgotten": ["rejected"],
  "start-refused": ["rejected"],
  "start-timed-out": ["lost", "rejected"],
} as const satisfies Record<string, readonly ExecutionState[]>;

export type OutcomeReasonCode = keyof typeof OUTCOME_REASONS;

export interface OutcomeReason {
  readonly code: OutcomeReasonCode;
  readonly detail: string;
}
