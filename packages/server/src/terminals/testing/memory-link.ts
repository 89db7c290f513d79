import type { TerminalMessage } from "@deckhand/core";
import type { WatcherLink } from "../watcher.ts";

/** The connection of a watcher who takes what a test lets them take. */
export interface MemoryLink extends WatcherLink {
  readonly bytes: Buffer;
  readonly messages: readonly TerminalMessage[];
  readonly closed: { readonly code: number; readonly reason: string } | undefined;
  /** Takes everything that waits. */
  take(): void;
}

/** `isEager`: takes everything at once. */
export function memoryLink({ isEager }: { readonly isEager: boolean }): MemoryLink {
  const taken: Uint8Array[] = [];
  const messages: TerminalMessage[] = [];
  const waiting: { readonly bytes: Uint8Array; readonly onSent: () => void }[] = [];
  let waitingBytes = 0;
  let closed: MemoryLink["closed"];

  function takeOne(): void {
    const next = waiting.shift();
    if (!next) return;
    waitingBytes -= next.bytes.length;
    taken.push(next.bytes);
    next.onSent();
  }

  return {
    get waitingBytes() {
      return waitingBytes;
    },
    get bytes() {
      return Buffer.concat(taken);
    },
    messages,
    get closed() {
      return closed;
    },
    send: (bytes, onSent) => {
      waitingBytes += bytes.length;
      waiting.push({ bytes, onSent });
      if (isEager) queueMicrotask(takeOne);
    },
    say: (message) => void messages.push(message),
    close: (code, reason) => {
      closed ??= { code, reason };
    },
    take: () => {
      while (waiting.length > 0) takeOne();
    },
  };
}
