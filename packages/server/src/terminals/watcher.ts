import type { TerminalEnd, TerminalMessage } from "@deckhand/core";
import type { ReplayBuffer } from "./replay-buffer.ts";

/** The connection of one watcher. */
export interface WatcherLink {
  /** Bytes that were sent and have not left this process. */
  readonly waitingBytes: number;
  /** Calls back when the bytes have left, or never will. */
  send(bytes: Uint8Array, onSent: () => void): void;
  say(message: TerminalMessage): void;
  close(code: number, reason: string): void;
}

/** Somebody who sees a terminal, at a pace of their own. */
export interface Watcher {
  /** Offset up to which they have it, as far as we know. */
  readonly position: number;
  /** Sends what they do not have yet, as far as it fits. */
  advance(): void;
  /** They say themselves how far they are; from then on no more than a window is sent beyond it. */
  taken(offset: number): void;
  /** Says how the terminal ended, once they have all of it. */
  end(end: TerminalEnd): void;
  close(code: number, reason: string): void;
}

export interface WatcherOptions {
  readonly buffer: ReplayBuffer;
  readonly link: WatcherLink;
  /** Offset of the first byte they get. */
  readonly from: number;
  /** Called when they have more than before. */
  readonly onProgress: () => void;
  /** Called once, when nothing more is sent to them. */
  readonly onClosed: () => void;
}

export const CLOSE = {
  normal: 1000,
  invalid: 1007,
  refused: 1008,
  tryAgain: 1013,
} as const;

const WINDOW_BYTES = 512 * 1024;
const PIECE_BYTES = 32 * 1024;

export function openWatcher(options: WatcherOptions): Watcher {
  const { buffer, link } = options;
  let sent = options.from;
  let acknowledged: number | undefined;
  let ending: TerminalEnd | undefined;
  let isClosed = false;

  const position = () => acknowledged ?? Math.max(options.from, sent - link.waitingBytes);

  function close(code: number, reason: string): void {
    if (isClosed) return;
    isClosed = true;
    link.close(code, reason);
    options.onClosed();
  }

  function advance(): void {
    while (!isClosed) {
      if (sent < buffer.start) return close(CLOSE.tryAgain, "too slow: connect again");
      const room = WINDOW_BYTES - (sent - position());
      const piece = buffer.read(sent, Math.min(PIECE_BYTES, Math.max(0, room)));
      if (piece.length === 0) return finish();
      sent += piece.length;
      link.send(piece, onSent);
    }
  }

  function onSent(): void {
    options.onProgress();
    advance();
  }

  function finish(): void {
    if (!ending || sent < buffer.end) return;
    link.say({ type: "exit", ...ending });
    close(CLOSE.normal, ending.reason.code);
  }

  return {
    get position() {
      return position();
    },
    advance,
    taken: (offset) => {
      acknowledged = Math.min(sent, Math.max(acknowledged ?? 0, offset));
      options.onProgress();
      advance();
    },
    end: (end) => {
      ending = end;
      advance();
    },
    close,
  };
}
