import type { TerminalMessage } from "@deckhand/core";
import {
  TERMINAL_PROTOCOL,
  TOKEN_PROTOCOL_PREFIX,
} from "@deckhand/core/contract/terminal-protocol";

/** What comes over a terminal's WebSocket, in order; ends with the connection. */
export type Received =
  | { readonly kind: "message"; readonly message: TerminalMessage }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/** One connection to a terminal. */
export interface TerminalSocket {
  /** Pull it: what is not pulled waits here. */
  readonly received: AsyncGenerator<Received, void>;
  /** True when nothing waits to be pulled. */
  readonly isDrained: boolean;
  readonly isOpen: boolean;
  /** Bytes that have not left yet. */
  readonly waitingBytes: number;
  /** Why the connection ended, once it has. */
  readonly closeReason: string;
  send(message: Uint8Array<ArrayBuffer> | string): void;
  close(): void;
}

/** The server says that it is alive every 20 s; a connection that says nothing for this long is dead. */
const SILENCE_MS = 45_000;

/** Connects at once; a browser can send no header with a WebSocket, so the token travels as a subprotocol. */
export function openTerminalSocket(url: URL, token: string | undefined): TerminalSocket {
  const shown = token === undefined ? [] : [TOKEN_PROTOCOL_PREFIX + token];
  const socket = new WebSocket(url, [TERMINAL_PROTOCOL, ...shown]);
  socket.binaryType = "arraybuffer";
  const queue: Received[] = [];
  let closeReason: string | undefined;
  let wake = () => {};
  let silence: ReturnType<typeof setTimeout> | undefined;

  function end(reason: string): void {
    clearTimeout(silence);
    closeReason ??= reason;
    wake();
  }

  function listen(): void {
    clearTimeout(silence);
    silence = setTimeout(() => {
      end(`it said nothing for ${SILENCE_MS / 1000} s`);
      socket.close();
    }, SILENCE_MS);
  }

  async function* receive(): AsyncGenerator<Received, void> {
    for (;;) {
      const next = queue.shift();
      if (next) yield next;
      else if (closeReason !== undefined) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  socket.addEventListener("message", ({ data }) => {
    listen();
    queue.push(toReceived(data));
    wake();
  });
  socket.addEventListener("close", ({ code, reason }) => end(reason || `closed with ${code}`));
  socket.addEventListener("error", () => end("the connection broke"));
  listen();
  return {
    received: receive(),
    get isDrained() {
      return queue.length === 0;
    },
    get isOpen() {
      return socket.readyState === WebSocket.OPEN && closeReason === undefined;
    },
    get waitingBytes() {
      return socket.bufferedAmount;
    },
    get closeReason() {
      return closeReason ?? "";
    },
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    close: () => {
      end("left");
      socket.close();
    },
  };
}

function toReceived(data: unknown): Received {
  if (typeof data !== "string")
    return { kind: "bytes", bytes: new Uint8Array(data as ArrayBuffer) };
  return { kind: "message", message: JSON.parse(data) as TerminalMessage };
}
