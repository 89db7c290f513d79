import type { TerminalEnd } from "@deckhand/core";
import { ConnectionError } from "./problem-error.ts";
import { openTerminalSocket, type TerminalSocket } from "./terminal-socket.ts";

/** What a watcher of a terminal gets to know. */
export type TerminalUpdate =
  /** `missing`: bytes that are not kept any more; `replayed`: bytes that come first and were shown before. */
  | { readonly event: "connected"; readonly missing: number; readonly replayed: number }
  | { readonly event: "output"; readonly bytes: Uint8Array }
  | { readonly event: "disconnected"; readonly reason: string }
  | { readonly event: "exit"; readonly end: TerminalEnd };

export interface ConnectTerminalOptions {
  /** How many of its bytes are known already; without it all that is kept comes first. */
  readonly after?: number;
  /** How long a server may be away; default five minutes. */
  readonly patienceMs?: number;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A terminal as one watcher has it, over cut connections. */
export interface TerminalConnection {
  /**
   * Pull them: what is not pulled is not sent beyond a window, and the nearest watcher sets the program's pace. Ends with
   * the terminal or by `close`; throws a ProblemError when the server knows it no more.
   */
  readonly updates: AsyncIterable<TerminalUpdate>;
  /** Types; resolves when more may be written. False when it was dropped, because the connection is cut. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<boolean>;
  resize(size: TerminalSize): void;
  /** Leaves the terminal as it is. */
  close(): void;
}

/** Where the terminal is. */
export interface TerminalSource {
  readonly token: string | undefined;
  /** With the query. */
  addressOf(after: number | undefined): URL;
  /** Asks the server whether it knows the terminal; throws what it says. */
  check(): Promise<unknown>;
}

const PATIENCE_MS = 5 * 60 * 1000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** How much was pulled before the server is told of it, while more is there. */
const TELL_EVERY_BYTES = 64 * 1024;
const MOST_WAITING_BYTES = 256 * 1024;
const PIECE_BYTES = 64 * 1024;
const LOOK_AGAIN_MS = 10;

export function connectTerminal(
  source: TerminalSource,
  options: ConnectTerminalOptions,
): TerminalConnection {
  const leaving = new AbortController();
  let socket: TerminalSocket | undefined;
  let size: TerminalSize | undefined;
  let after = options.after;

  async function* watch(): AsyncGenerator<TerminalUpdate> {
    let awaySince: number | undefined;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      socket = openTerminalSocket(source.addressOf(after), source.token);
      try {
        for await (const update of readSocket(socket)) {
          awaySince = undefined;
          pauseMs = FIRST_PAUSE_MS;
          yield update;
          if (update.event === "exit") return;
        }
      } finally {
        socket.close();
      }
      if (leaving.signal.aborted) return;
      const reason = socket.closeReason;
      if (awaySince === undefined) yield { event: "disconnected", reason };
      awaySince ??= performance.now();
      await pause(pauseMs, leaving.signal);
      if (leaving.signal.aborted) return;
      await assertKnown(awaySince);
    }
  }

  /** A WebSocket does not say why it was refused. */
  async function assertKnown(awaySince: number): Promise<void> {
    try {
      await source.check();
    } catch (error) {
      const isPatient = performance.now() - awaySince < (options.patienceMs ?? PATIENCE_MS);
      if (!(error instanceof ConnectionError && isPatient)) throw error;
    }
  }

  async function* readSocket(from: TerminalSocket): AsyncGenerator<TerminalUpdate> {
    let told = 0;
    const tell = (offset: number) => {
      told = offset;
      from.send(JSON.stringify({ type: "taken", offset }));
    };
    for await (const one of from.received) {
      if (one.kind === "bytes") {
        yield { event: "output", bytes: one.bytes };
        after = (after ?? 0) + one.bytes.length;
        if (from.isDrained || after - told >= TELL_EVERY_BYTES) tell(after);
      } else if (one.message.type === "hello") {
        const { offset, end } = one.message;
        const missing = after === undefined ? 0 : Math.max(0, offset - after);
        after = offset;
        tell(offset);
        if (size) sendSize(from, size);
        yield { event: "connected", missing, replayed: end - offset };
      } else if (one.message.type === "exit") {
        const { type: _, ...end } = one.message;
        yield { event: "exit", end };
      }
    }
  }

  async function write(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const to = socket;
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      if (!to?.isOpen) return false;
      to.send(bytes.subarray(from, from + PIECE_BYTES));
      while (to.isOpen && to.waitingBytes > MOST_WAITING_BYTES)
        await pause(LOOK_AGAIN_MS, leaving.signal);
    }
    return true;
  }

  return {
    updates: watch(),
    write,
    resize: (wanted) => {
      size = wanted;
      if (socket?.isOpen) sendSize(socket, wanted);
    },
    close: () => {
      leaving.abort();
      socket?.close();
    },
  };
}

function sendSize(socket: TerminalSocket, { columns, rows }: TerminalSize): void {
  socket.send(JSON.stringify({ type: "resize", columns, rows }));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
