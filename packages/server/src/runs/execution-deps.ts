import type { Guarantees, OutcomeReason } from "@deckhand/core";
import type { Synced } from "../database/wal-sync.ts";
import type { OutputLog } from "../output/output-log.ts";
import type { Vault } from "../secrets/vault.ts";
import type { RunningExecution, Session } from "../sessions/session.ts";
import type { RunSignals } from "./run-signals.ts";
import type { ExecutionRow, MovedExecution } from "./run-store.ts";
import type { RunWrites } from "./run-writes.ts";
import type { StopReason } from "./settlement.ts";

export interface ExecuteDeps extends RunWrites {
  readonly synced: Synced;
  readonly output: OutputLog;
  readonly signals: RunSignals;
  readonly vault: Pick<Vault, "open">;
  readonly now: () => number;
  readonly newExecutionId: () => string;
  readonly startTimeoutMs: number;
  /** Gives `undefined` when the engine is not configured (any more). */
  readonly findSession: (engine: string) => Session | undefined;
  /** Calls back once when the container of an execution ended or became another incarnation. */
  readonly watchContainer: (
    place: WatchedContainer,
    onEnd: (reason: OutcomeReason) => void,
  ) => () => void;
  readonly observe: ExecutionObserver;
}

export interface WatchedContainer {
  readonly engine: string;
  readonly containerId: string;
  readonly startedAt: string | undefined;
  /** What is durable goes on while the engine is away; anything else is lost then. */
  readonly waitsForEngine?: boolean;
}

/** What metrics want to know. */
export interface ExecutionObserver {
  started(execution: ExecutionRow, guarantees: Guarantees): void;
  settled(moved: MovedExecution): void;
  /** A fault of ours, for the log. */
  failed(executionId: string, error: unknown): void;
}

/** The part of an execution that others can reach while it is under way. */
export interface UnderWay {
  stopReason: StopReason | undefined;
  wake: () => void;
  abandoned: OutcomeReason | undefined;
  running: RunningExecution | undefined;
}
