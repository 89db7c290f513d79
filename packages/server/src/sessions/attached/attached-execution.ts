import { type Guarantees, isAppError, type OutcomeReason } from "@deckhand/core";
import type { Engine, EngineExec, OutputStream } from "../../engines/engine.ts";
import type {
  ExecutionSpec,
  Leftover,
  OutputChunk,
  RunningExecution,
  SessionOutcome,
} from "../session.ts";
import { noteScanners } from "./note-scanner.ts";
import { OutputQueue } from "../output-queue.ts";
import { findCause } from "./find-cause.ts";
import { sweep, toLeftover } from "./sweep.ts";

export const ATTACHED_GUARANTEES: Guarantees = {
  way: "attached-exec",
  durability: "attached",
  stop: "marker-sweep",
  survivesServerRestart: false,
};

/** What children that hold the streams may still say after the script's end. */
const DRAIN_MS = 1_000;
/** A paused container is never signalled; a stop waits this long for it. */
const UNPAUSED_WITHIN_MS = 60_000;
/** A container at its limits may not let the sweep start at once. */
const ROOM_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 500;
const KILL_TRIES = 5;
const KILL_AGAIN_MS = 150;

/** How a start came out, as far as the stream tells. */
export type FirstWord =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly word: string }
  /** The stream ended, or broke, before our program said that the script is about to start. */
  | {
      readonly kind: "silent";
      readonly said: string;
      readonly greeted: boolean;
      readonly cause: unknown;
    };

export interface AttachedExecution {
  readonly firstWord: Promise<FirstWord>;
  readonly running: RunningExecution;
}

export interface AttachOptions {
  readonly engine: Engine;
  readonly exec: Pick<EngineExec, "output" | "close">;
  readonly spec: ExecutionSpec;
  readonly nonce: string;
  /** The container's incarnation that the exec was started in. */
  readonly containerStartedAt: string | undefined;
  /** Set where the execution goes on without us. */
  readonly durable?: DurableExec;
}

export interface DurableExec {
  readonly guarantees: Guarantees;
  readonly wrapperPid: number;
  /** Whether the script's start was announced before what we read. */
  readonly isReady: boolean;
}

type Ending =
  | { readonly kind: "reported" }
  | { readonly kind: "stream-ended" }
  | { readonly kind: "broken"; readonly cause: unknown }
  | { readonly kind: "abandoned"; readonly reason: OutcomeReason }
  | { readonly kind: "detached" };

/** Reads the exec's stream to its end, apart from whoever consumes the output. */
export function attachExecution(options: AttachOptions): AttachedExecution {
  const { engine, exec, spec, nonce, durable } = options;
  // What waits is bounded in the container where it is kept there.
  const queue = new OutputQueue(durable ? Number.MAX_SAFE_INTEGER : spec.outputBytes);
  const scanners = noteScanners(nonce);
  const firstWord = Promise.withResolvers<FirstWord>();
  const ending = Promise.withResolvers<Ending>();
  const leftovers: Leftover[] = [];
  const exitCodes: Partial<Record<OutputStream, number>> = {};
  let wrapperPid = durable?.wrapperPid;
  /** Bytes from before the script's start was announced: the streams are not ordered between each other. */
  const early: OutputChunk[] = [];
  let ready = durable?.isReady ?? false;
  if (ready) firstWord.resolve({ kind: "ready" });

  function takeNote(stream: OutputStream, note: string): void {
    const [word, value] = note.split(" ", 2);
    const leftover = toLeftover(note);
    if (leftover) leftovers.push(leftover);
    else if (word === "hello") wrapperPid = Number(value);
    else if (word === "exit") exitCodes[stream] = Number(value);
    else if (word === "gone") ending.resolve({ kind: "stream-ended" });
    else if (word === "ready") {
      ready = true;
      for (const chunk of early) queue.push(chunk);
      firstWord.resolve({ kind: "ready" });
    } else firstWord.resolve({ kind: "refused", word: word ?? "" });
  }

  function takeOutput(stream: OutputStream, bytes: Uint8Array): void {
    if (ready) queue.push({ stream, bytes });
    else early.push({ stream, bytes });
  }

  async function read(): Promise<void> {
    try {
      for await (const { stream, bytes } of exec.output) {
        for (const scanned of scanners[stream].push(toBuffer(bytes))) {
          if (scanned.kind === "note") takeNote(stream, scanned.note);
          else takeOutput(stream, scanned.bytes);
        }
        if (exitCodes.stdout === undefined || exitCodes.stderr === undefined) continue;
        ending.resolve({ kind: "reported" });
        if (leftovers.length === 0) break;
      }
      ending.resolve({ kind: "stream-ended" });
    } catch (cause) {
      ending.resolve({ kind: "broken", cause });
    }
    for (const stream of ["stdout", "stderr"] as const) takeOutput(stream, scanners[stream].end());
  }

  async function finish(): Promise<SessionOutcome> {
    const reading = read();
    const ended = await ending.promise;
    firstWord.resolve(toSilence(ended));
    if (ended.kind === "reported") await Promise.race([reading, delay(DRAIN_MS)]);
    exec.close();
    queue.end();
    const outcome = await toOutcome(ended);
    await queue.drained;
    return { ...outcome, dropped: queue.dropped };
  }

  function toSilence(ended: Ending): FirstWord {
    const said = Buffer.concat(early.map(({ bytes }) => bytes)).toString();
    const cause = ended.kind === "broken" ? ended.cause : undefined;
    return { kind: "silent", said, greeted: wrapperPid !== undefined, cause };
  }

  async function toOutcome(ended: Ending): Promise<SessionOutcome> {
    const dropped = queue.dropped;
    const exitCode = exitCodes.stdout ?? exitCodes.stderr;
    if (exitCode !== undefined) {
      const outputComplete = exitCodes.stdout !== undefined && exitCodes.stderr !== undefined;
      return {
        kind: "exited",
        exitCode,
        signal: toSignal(exitCode),
        stoppedBy: undefined,
        usage: undefined,
        outputComplete,
        dropped,
        leftovers,
      };
    }
    if (ended.kind === "detached") return { kind: "detached", dropped };
    if (ended.kind === "abandoned") return { kind: "lost", reason: ended.reason, dropped };
    const cause = ended.kind === "broken" ? ended.cause : undefined;
    return { kind: "lost", reason: await findCause({ ...options, cause }), dropped };
  }

  const outcome = finish();

  async function stop({ graceMs }: { readonly graceMs: number }): Promise<readonly Leftover[]> {
    const ended = outcome.then(() => undefined);
    if ((await sweepWhenPossible("TERM")) === undefined) return leftovers;
    await Promise.race([ended, delay(graceMs)]);
    return (await killUntilGone()) ?? leftovers;
  }

  /** A killed process may need a moment to be gone, and is no leftover then. */
  async function killUntilGone(): Promise<readonly Leftover[] | undefined> {
    for (let tries = 1; ; tries++) {
      const left = await sweepWhenPossible("KILL");
      if (!left?.length || tries === KILL_TRIES) return left;
      await delay(KILL_AGAIN_MS);
    }
  }

  /** `undefined` when nobody could sweep: the container is gone, or the engine, or it stays paused or too full. */
  async function sweepWhenPossible(
    signal: "TERM" | "KILL",
  ): Promise<readonly Leftover[] | undefined> {
    const from = performance.now();
    for (;;) {
      const swept = await sweep(engine, { place: spec, signal, wrapperPid }).catch(toObstacle);
      if (Array.isArray(swept)) return swept;
      const patienceMs = swept === "paused" ? UNPAUSED_WITHIN_MS : ROOM_WITHIN_MS;
      if (swept === "refused" || performance.now() - from > patienceMs) return undefined;
      await delay(LOOK_AGAIN_MS);
    }
  }

  return {
    firstWord: firstWord.promise,
    running: {
      guarantees: durable?.guarantees ?? ATTACHED_GUARANTEES,
      keepsDeadline: false,
      acknowledge: () => {},
      release: () => {},
      output: queue,
      outcome,
      stop,
      abandon: (reason) => ending.resolve({ kind: "abandoned", reason }),
      detach: (reason) =>
        ending.resolve(durable ? { kind: "detached" } : { kind: "abandoned", reason }),
    },
  };
}

function toObstacle(error: unknown): "paused" | "refused" {
  return isAppError(error, "TARGET_STATE_CONFLICT") && error.extra.containerStatus === "paused"
    ? "paused"
    : "refused";
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  10: "SIGUSR1",
  11: "SIGSEGV",
  12: "SIGUSR2",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
};

/** A shell reports an end by signal n as 128 + n. */
function toSignal(exitCode: number): string | undefined {
  return exitCode > 128 ? SIGNALS[exitCode - 128] : undefined;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
