import type { OutcomeReason, TerminalEnd } from "@deckhand/core";
import type {
  Leftover,
  RunningExecution,
  SessionOutcome,
  TerminalInput,
  TerminalSize,
} from "../sessions/session.ts";
import { happensWithin } from "./happens-within.ts";
import { type ReplayBuffer, replayBuffer } from "./replay-buffer.ts";
import { CLOSE, openWatcher, type Watcher, type WatcherLink } from "./watcher.ts";

/** What a terminal does by itself. */
export interface TerminalPace {
  /** How much of what was shown is kept for those who come later. */
  readonly replayBytes: number;
  /** How long nobody may watch before it is ended. */
  readonly unwatchedMs: number;
  /** When all watchers are behind and none takes anything for this long, they are dropped. */
  readonly stalledMs: number;
}

export const DEFAULT_PACE: TerminalPace = {
  replayBytes: 1024 * 1024,
  unwatchedMs: 15 * 60 * 1000,
  stalledMs: 2_000,
};

/** Shells do not end by TERM; whoever ends a terminal does not want to wait for them. */
const KILL_GRACE_MS = 1_000;
const END_AFTER_STOP_MS = 5_000;
/** How far the nearest watcher may be behind before the program has to wait for it. */
const LAG_BYTES = 256 * 1024;

/** A program on a pseudo terminal, with those who watch it. */
export interface LiveTerminal {
  readonly shown: Pick<ReplayBuffer, "start" | "end">;
  readonly size: TerminalSize;
  readonly watchers: number;
  /** When it is ended if nobody comes back, in milliseconds of the clock. */
  readonly unwatchedUntilMs: number | undefined;
  readonly end: TerminalEnd | undefined;
  readonly leftovers: readonly Leftover[];
  /** Settles when the program has ended; never rejects. */
  readonly ended: Promise<TerminalEnd>;
  /** Says hello, then shows everything from this offset on, or from the oldest byte that is kept. */
  watch(link: WatcherLink, after: number | undefined): WatcherHandle;
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  resize(size: TerminalSize): void;
  /** Ends the whole process tree; the first cause wins. Never rejects. */
  stop(cause: TerminalEnd["reason"]): Promise<void>;
  /** Gives up on a container that is gone. */
  abandon(reason: OutcomeReason): void;
}

export interface WatcherHandle extends Pick<Watcher, "taken" | "close"> {
  /** The connection is gone. */
  leave(): void;
}

export interface LiveTerminalOptions {
  readonly id: string;
  readonly execution: RunningExecution & { readonly terminal: TerminalInput };
  readonly size: TerminalSize;
  readonly pace: TerminalPace;
  readonly now: () => number;
}

export function liveTerminal(options: LiveTerminalOptions): LiveTerminal {
  const { execution, pace, now } = options;
  const buffer = replayBuffer(pace.replayBytes);
  const watchers = new Set<Watcher>();
  let { size } = options;
  let cause: TerminalEnd["reason"] | undefined;
  let end: TerminalEnd | undefined;
  let leftovers: readonly Leftover[] = [];
  let unwatched: { readonly timer: NodeJS.Timeout; readonly untilMs: number } | undefined;
  let progressed = Promise.withResolvers<void>();

  function noteProgress(): void {
    progressed.resolve();
    progressed = Promise.withResolvers();
  }

  async function show(): Promise<TerminalEnd> {
    const taken = { stdout: 0, stderr: 0 };
    for await (const { stream, bytes } of execution.output) {
      buffer.append(bytes);
      taken[stream] += bytes.length;
      execution.acknowledge({ ...taken });
      for (const watcher of [...watchers]) watcher.advance();
      await waitForNearest();
    }
    return settle(await execution.outcome);
  }

  /** The nearest watcher sets the pace, as a slow line does; one that takes nothing sets none. */
  async function waitForNearest(): Promise<void> {
    while (watchers.size > 0) {
      const nearest = Math.max(...[...watchers].map(({ position }) => position));
      if (buffer.end - nearest <= LAG_BYTES || cause) return;
      if (await happensWithin(progressed.promise, pace.stalledMs)) continue;
      for (const watcher of [...watchers])
        watcher.close(CLOSE.tryAgain, "takes nothing: connect again");
    }
  }

  function settle(outcome: SessionOutcome): TerminalEnd {
    clearTimeout(unwatched?.timer);
    unwatched = undefined;
    end = toEnd(outcome, cause);
    if (outcome.kind === "exited" && outcome.leftovers.length > 0) leftovers = outcome.leftovers;
    execution.release();
    for (const watcher of [...watchers]) watcher.end(end);
    return end;
  }

  async function stop(why: TerminalEnd["reason"]): Promise<void> {
    if (end) return;
    cause ??= why;
    noteProgress();
    leftovers = await execution.stop({ graceMs: KILL_GRACE_MS });
    if (!(await happensWithin(ended, END_AFTER_STOP_MS)))
      execution.abandon({ code: "exit-unknown", detail: "Its end was not reported." });
    await ended;
  }

  function countDown(): void {
    if (watchers.size > 0 || end) return;
    const minutes = Math.round(pace.unwatchedMs / 60_000);
    const reason = {
      code: "unwatched",
      detail: `Nobody watched it for ${minutes} minutes.`,
    } as const;
    const timer = setTimeout(() => void stop(reason), pace.unwatchedMs);
    unwatched = { timer, untilMs: now() + pace.unwatchedMs };
  }

  function watch(link: WatcherLink, after: number | undefined): WatcherHandle {
    clearTimeout(unwatched?.timer);
    unwatched = undefined;
    const from = Math.min(buffer.end, Math.max(after ?? 0, buffer.start));
    const onClosed = () => {
      watchers.delete(watcher);
      noteProgress();
      if (watchers.size === 0) countDown();
    };
    const watcher = openWatcher({ buffer, link, from, onProgress: noteProgress, onClosed });
    watchers.add(watcher);
    link.say({ type: "hello", terminalId: options.id, offset: from, end: buffer.end, ...size });
    if (end) watcher.end(end);
    else watcher.advance();
    return {
      taken: watcher.taken,
      close: watcher.close,
      leave: () => watcher.close(CLOSE.normal, ""),
    };
  }

  const ended = show();
  countDown();
  return {
    shown: buffer,
    get size() {
      return size;
    },
    get watchers() {
      return watchers.size;
    },
    get unwatchedUntilMs() {
      return unwatched?.untilMs;
    },
    get end() {
      return end;
    },
    get leftovers() {
      return leftovers;
    },
    ended,
    watch,
    write: async (bytes) => void (await execution.terminal.write(bytes)),
    resize: (wanted) => {
      size = wanted;
      execution.terminal.resize(wanted);
    },
    stop,
    abandon: execution.abandon,
  };
}

function toEnd(outcome: SessionOutcome, cause: TerminalEnd["reason"] | undefined): TerminalEnd {
  if (outcome.kind !== "exited") {
    const detail = outcome.kind === "lost" ? outcome.reason.detail : "The server let go of it.";
    return { exitCode: null, signal: null, reason: cause ?? { code: "lost", detail } };
  }
  const { exitCode, signal = null, stoppedBy } = outcome;
  const how = signal ? `by ${signal}` : `with exit code ${exitCode}`;
  const late = stoppedBy ? ", because its time was up" : "";
  const detail = `Its program ended ${how}${late}.`;
  return { exitCode, signal, reason: cause ?? { code: "exited", detail } };
}
