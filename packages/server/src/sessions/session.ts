import type { Guarantees, OutcomeReason, ScriptLaunch } from "@deckhand/core";
import type { OutputStream } from "../engines/engine.ts";

/**
 * The way of executions into an engine's containers: the guard, or an attached exec where it can not be. What holds
 * for an execution is said in its `guarantees`.
 */
export interface Session {
  /**
   * Starts at most once. `started` means that the script's process is about to be, or is, running; `rejected` that
   * nothing of it ran; `lost` that we can not know. `onWay` is called once, with what will hold at least,
   * and its end is waited for before anything of the script can run. Never throws but for a programming error, or what `onWay` throws.
   */
  start(
    spec: ExecutionSpec,
    onWay?: (guarantees: Guarantees) => Promise<void>,
  ): Promise<StartResult>;
  /**
   * Takes up an execution that an earlier server process started in a durable way; its output goes on after what was
   * received. `unknown` means that it was never started in this incarnation of the container, and never will be by
   * that earlier process. `lost` as in `start`. `way` is what `onWay` was told; without it, the guard.
   */
  resume(spec: ExecutionSpec, received: ByteCounts, way?: Guarantees["way"]): Promise<ResumeResult>;
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
  /** The incarnation of the container that the run was planned for, as the engine writes it. */
  readonly containerStartedAt?: string | undefined;
  /** From the request to the first sign of life of the script. */
  readonly startTimeoutMs: number;
  /** What will be kept of the output; more than this need not be held for a consumer that lags. */
  readonly outputBytes: number;
  /** How long the script may run; kept inside the container where the way is durable. */
  readonly timeoutMs: number;
  /** From TERM to KILL, when the time is up. */
  readonly killGraceMs: number;
  /** What happens to background processes when the main process has ended. */
  readonly survivors: SurvivorPolicy;
  readonly resources: Resources;
  /** A pseudo terminal instead of pipes; its input stays open, and everything it shows comes as stdout. */
  readonly terminal?: TerminalSize | undefined;
}

/** `kill` ends them; `wait` lets the execution go on until the last has ended. */
export type SurvivorPolicy = "kill" | "wait";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What the script may use; what is `undefined` stays as the container has it. Only the guard can set these. */
export interface Resources {
  /** -20 to 19, added to nothing: the script's own nice value. */
  readonly nice: number | undefined;
  /** 0 to 1000, added to the container's own score; above 0 the kernel takes the script before the main process. */
  readonly oomScore: number | undefined;
  readonly cpuSeconds: number | undefined;
  readonly openFiles: number | undefined;
  readonly fileBytes: number | undefined;
  /** Counts all processes of the user, as the kernel does, also those that are not the script's. */
  readonly processes: number | undefined;
  /** Three octal digits as a number, 0o022 for example. */
  readonly umask: number | undefined;
}

export type Program =
  | { readonly kind: "argv"; readonly argv: readonly string[] }
  | { readonly kind: "script"; readonly text: string; readonly launch: ScriptLaunch };

export type StartResult =
  | { readonly kind: "started"; readonly execution: RunningExecution }
  | { readonly kind: "rejected"; readonly reason: OutcomeReason }
  | { readonly kind: "lost"; readonly reason: OutcomeReason }
  | Detached;

export type ResumeResult =
  | { readonly kind: "resumed"; readonly execution: RunningExecution }
  | { readonly kind: "unknown" }
  | Detached
  | { readonly kind: "lost"; readonly reason: OutcomeReason };

/** We let go of it and it goes on; the next server process takes it up. */
export interface Detached {
  readonly kind: "detached";
}

export interface OutputChunk {
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
}

export interface RunningExecution {
  readonly guarantees: Guarantees;
  /** Whether the deadline of the specification is kept inside the container; a stop at that time is then not needed. */
  readonly keepsDeadline: boolean;
  /** Only of an execution with a terminal. */
  readonly terminal?: TerminalInput;
  /** Says how much of the output is on the disk, so that it need not be kept inside the container any more. */
  acknowledge(stored: ByteCounts): void;
  /** Says that the outcome is written down; whoever holds the execution inside the container forgets it. */
  release(): void;
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
  /** Lets go of it where its way is durable (`output` and `outcome` end at once as detached), else gives it up. */
  detach(reason: OutcomeReason): void;
}

/** Everything as the container has it. */
export const AS_THE_CONTAINER: Resources = {
  nice: undefined,
  oomScore: undefined,
  cpuSeconds: undefined,
  openFiles: undefined,
  fileBytes: undefined,
  processes: undefined,
  umask: undefined,
};

export interface TerminalInput {
  /** Resolves when more may be written; false when nothing is taken any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  resize(size: TerminalSize): void;
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
      /** Set when the deadline was kept inside the container and ended the script. */
      readonly stoppedBy: "deadline" | undefined;
      readonly usage: Usage | undefined;
      /** False when output may be missing although the exit code is known. */
      readonly outputComplete: boolean;
      readonly dropped: ByteCounts;
      readonly leftovers: readonly Leftover[];
    }
  | { readonly kind: "lost"; readonly reason: OutcomeReason; readonly dropped: ByteCounts }
  | (Detached & { readonly dropped: ByteCounts });

/** What the script and all its processes used. */
export interface Usage {
  readonly cpuMs: number;
  /** The most memory that one of its processes had. */
  readonly maxMemoryBytes: number;
  /** How often the kernel ended something in the container for lack of memory while the script ran. */
  readonly oomKills: number;
}
