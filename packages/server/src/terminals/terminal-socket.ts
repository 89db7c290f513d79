import { watcherMessage, type WatcherMessage } from "@deckhand/core";
import type { RawData, WebSocket } from "ws";
import type { LiveTerminal } from "./live-terminal.ts";
import { CLOSE, type WatcherLink } from "./watcher.ts";

export interface SocketOptions {
  readonly after: number | undefined;
  readonly pingMs?: number;
  /** Rejects when the caller may not be here any more; asked with every ping. */
  readonly assertStillAllowed: () => Promise<unknown>;
}

const PING_MS = 20_000;
/** What was typed and is not taken yet; beyond it nothing more is read. */
const MOST_TYPED_BYTES = 256 * 1024;

/** Lets a WebSocket watch a terminal and type into it, until either ends. */
export function connectSocket(socket: WebSocket, live: LiveTerminal, options: SocketOptions): void {
  const handle = live.watch(toLink(socket), options.after);
  const type = typist(socket, live);
  const stopPings = startPings(socket, options);
  const obey = (message: WatcherMessage) => {
    if (message.type === "resize") live.resize({ columns: message.columns, rows: message.rows });
    else handle.taken(message.offset);
  };
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (isBinary) return type(data as Buffer);
    const message = parseMessage(data as Buffer);
    if (message) obey(message);
    else handle.close(CLOSE.invalid, "no message that is known here");
  });
  socket.once("close", () => {
    stopPings();
    handle.leave();
  });
}

function toLink(socket: WebSocket): WatcherLink {
  return {
    get waitingBytes() {
      return socket.bufferedAmount;
    },
    send: (bytes, onSent) => socket.send(bytes, { binary: true }, onSent),
    say: (message) => socket.send(JSON.stringify(message), () => undefined),
    close: (code, reason) => socket.close(code, reason),
  };
}

/** Hands on what is typed, in order; a program that reads nothing makes its typist wait. */
function typist(socket: WebSocket, live: LiveTerminal): (bytes: Uint8Array) => void {
  let waitingBytes = 0;
  let last: Promise<void> = Promise.resolve();
  return (bytes) => {
    waitingBytes += bytes.length;
    if (waitingBytes > MOST_TYPED_BYTES) socket.pause();
    last = last.then(async () => {
      await live.write(bytes);
      waitingBytes -= bytes.length;
      if (socket.isPaused && waitingBytes <= MOST_TYPED_BYTES) socket.resume();
    });
  };
}

/** Cuts a connection whose other side is gone, or may not be here any more. */
function startPings(socket: WebSocket, { pingMs = PING_MS, assertStillAllowed }: SocketOptions) {
  let isAnswered = true;
  socket.on("pong", () => {
    isAnswered = true;
  });
  const timer = setInterval(() => {
    if (!isAnswered && !socket.isPaused) return socket.terminate();
    isAnswered = false;
    socket.ping();
    socket.send(JSON.stringify({ type: "alive" }), () => undefined);
    assertStillAllowed().catch(() =>
      socket.close(CLOSE.refused, "the token is not valid any more"),
    );
  }, pingMs);
  return () => clearInterval(timer);
}

function parseMessage(data: Buffer): WatcherMessage | undefined {
  try {
    return watcherMessage.safeParse(JSON.parse(data.toString())).data;
  } catch {
    return undefined;
  }
}
