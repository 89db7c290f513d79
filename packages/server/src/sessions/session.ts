import type { Guarantees, OutcomeReason, ScriptLaunch } from "@deckhand/core";
import type { OutputStream } from "../engines/engine.ts";

/**
 * The way of executions into one container. An attached exec stands behind it; whatever starts an execution there
 * says in `guarantees` what holds for it.
 */
export interface Session {
  /**
   * Starts at most once. `started` means that the script's process is about to be, or is, running; `rejected` that
   * nothing of it ran; `lost` that we can not know. Never throws but for a programming error.
   */
  start(spec: ExecutionSpec): Promise<StartResult>;
  /** Lists the processes that still carry the execution's mark; for an execution whose connection is gone. */
  findLeftovers(execution: ExecutionPlace): Promise<readonly Leftover[]>;
}

export interface ExecutionPlace {
  readonly executionId: string;
  readonly containerId: string;
  /** `""` is the container's own user. */
  readonly user: string;
}

export interface ExecutionSpec extends ExecutionPlace {
  readonly runId: string;
  readonly program: Program;
  readonly args: readonly string[];
  /** Parameters and variables, byte for byte as the script gets them. */
  readonly env: Readonly<Record<string, string>>;
  /** `undefined` is an empty standard input. */
  readonly stdin: Uint8Array | undefined;
  /** `""` is the container's own working directory. */
  readonly workdir: string;
  /** From the request to the first sign of life of the script. */
  readonly startTimeoutMs: number;
  /** What will be kept of the output; more than this need not be held for a consumer that lags. */
  readonly outputBytes: number;
}

export type Program =
  | { readonly kind: "argv"; readonly argv: readonly string[] }
  | { readonly kind: "script"; readonly text: string; readonly launch: ScriptLaunch };

export type StartResult =
  | { readonly kind: "started"; readonly execution: RunningExecution }
  | { readonly kind: "rejected"; readonly reason: OutcomeReason }
  | { readonly kind: "lost"; readonly reason: OutcomeReason };

export interface OutputChunk {
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
}

export interface RunningExecution {
  readonly guarantees: Guarantees;
  /**
   * What the script writes, without our own framing. Ends when nothing more comes, also when the execution is lost;
   * never throws. The engine must never wait for us, so what a lagging consumer has not taken is held in memory, up to
   * `outputBytes`; beyond it output is dropped and counted in the outcome, and would not be kept anyway.
   */
  readonly output: AsyncIterable<OutputChunk>;
  /** Settles after the last byte of `output` was handed over; never rejects. */
  readonly outcome: Promise<SessionOutcome>;
  /**
   * TERM to the script's processes, grace, then KILL of all that can be found, until nothing is left or nothing more
   * can be done. Resolves with what was left. May be called again; never rejects.
   */
  stop(options: { readonly graceMs: number }): Promise<readonly Leftover[]>;
  /** Gives up on the engine's connection (its container is gone); `output` and `outcome` then end at once as lost. */
  abandon(reason: OutcomeReason): void;
}

export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

export interface ByteCounts {
  readonly stdout: number;
  readonly stderr: number;
}

export type SessionOutcome =
  | {
      readonly kind: "exited";
      readonly exitCode: number;
      /** `SIGTERM` and so on, when the script's main process ended by one. */
      readonly signal: string | undefined;
      /** False when output may be missing although the exit code is known. */
      readonly outputComplete: boolean;
      readonly dropped: ByteCounts;
      readonly leftovers: readonly Leftover[];
    }
  | { readonly kind: "lost"; readonly reason: OutcomeReason; readonly dropped: ByteCounts };
