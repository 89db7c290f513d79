import type { OutputStream } from "../engines/engine.ts";

/**
 * The frames between server and guard, as docs/guard-protocol.md has them: a length of 4 bytes, a type, a payload; all
 * numbers little-endian. The other side is guard/src/frame.c, and guard/vectors.json is the test of both.
 */
export const PROTOCOL_VERSION = 1;
/** More than this in one IN frame is refused. */
export const MAX_INPUT_BYTES = 32 * 1024;
/** How much of the input the guard holds for a script that does not read it. */
export const INPUT_WINDOW_BYTES = 64 * 1024;

export interface StartFrame {
  readonly type: "start";
  readonly channel: number;
  readonly id: string;
  readonly terminal: { readonly columns: number; readonly rows: number } | undefined;
  readonly waitForSurvivors: boolean;
  /** Whether IN frames will come; without them the input is empty. */
  readonly hasInput: boolean;
  /** 0 for none. */
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly outputLimit: number;
  readonly spoolBytes: number;
  readonly umask: number | undefined;
  readonly nice: number | undefined;
  readonly oomScore: number | undefined;
  readonly cpuSeconds: number | undefined;
  readonly fileBytes: number | undefined;
  readonly openFiles: number | undefined;
  readonly processes: number | undefined;
  readonly directory: string;
  /** The first that the container has; exactly one where there is no script. */
  readonly commands: readonly string[];
  readonly flags: readonly string[];
  readonly args: readonly string[];
  /** `NAME=value`, over what the container has. */
  readonly environment: readonly string[];
  readonly script: StartScript | undefined;
}

export interface StartScript {
  readonly text: Uint8Array;
  /** Whether the interpreter needs a path that stays. */
  readonly asFile: boolean;
  readonly extension: string;
  readonly prelude: Uint8Array;
}

export interface Offsets {
  readonly stdout: number;
  readonly stderr: number;
}

/** What the server sends. */
export type ClientFrame =
  | { readonly type: "auth"; readonly secret: Uint8Array }
  | StartFrame
  | {
      readonly type: "attach";
      readonly channel: number;
      readonly id: string;
      readonly offsets: Offsets;
    }
  | { readonly type: "ack"; readonly channel: number; readonly offsets: Offsets }
  | {
      readonly type: "in";
      readonly channel: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "in-eof"; readonly channel: number; readonly offset: number }
  | {
      readonly type: "resize";
      readonly channel: number;
      readonly columns: number;
      readonly rows: number;
    }
  | {
      readonly type: "signal";
      readonly channel: number;
      readonly signal: number;
      /** All processes of the script, or the group of its main process. */
      readonly all: boolean;
    }
  | { readonly type: "stop"; readonly channel: number; readonly graceMs: number }
  | { readonly type: "status"; readonly id: string }
  | { readonly type: "list" }
  | { readonly type: "release"; readonly id: string }
  | { readonly type: "ping"; readonly number: number }
  | { readonly type: "leave" };

export type GuardExecutionState = "unknown" | "starting" | "running" | "settled" | "refused";

/** What the guard sends. */
export type GuardFrame =
  | {
      readonly type: "hello";
      readonly protocol: number;
      /** Another value is another guard, which knows nothing of what an earlier one had. */
      readonly instance: string;
      readonly pid: number;
      readonly uid: number;
      readonly executions: number;
      readonly version: string;
    }
  | { readonly type: "started"; readonly channel: number; readonly pid: number }
  | {
      readonly type: "refused";
      readonly channel: number;
      readonly refusal: number;
      readonly errno: number;
    }
  | ({ readonly type: "attached"; readonly channel: number } & GuardExecutionStatus)
  | { readonly type: "unknown"; readonly channel: number }
  | {
      readonly type: "out";
      readonly channel: number;
      readonly stream: OutputStream;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "in-ack"; readonly channel: number; readonly offset: number }
  | ExitFrame
  | ({ readonly type: "state"; readonly id: string } & GuardExecutionStatus)
  | { readonly type: "listed" }
  | { readonly type: "pong"; readonly number: number }
  | { readonly type: "error"; readonly detail: string };

export interface GuardExecutionStatus {
  readonly state: GuardExecutionState;
  readonly pid: number;
  /** From where on output will be sent. */
  readonly offsets: Offsets;
  /** How much of the input has arrived. */
  readonly inputOffset: number;
}

export interface ExitFrame {
  readonly type: "exit";
  readonly channel: number;
  /** `unknown`: somebody killed the process that would have known. */
  readonly how: "exit" | "signal" | "unknown";
  /** Exit code or signal number. */
  readonly value: number;
  readonly cause: "itself" | "stop" | "deadline";
  readonly produced: Offsets;
  readonly dropped: Offsets;
  readonly oomKills: number;
  readonly cpuMicros: number;
  readonly maxRssKib: number;
  /** How many background processes were ended after the main one. */
  readonly survivors: number;
  readonly leftovers: readonly { readonly pid: number; readonly command: string }[];
}
