import type { TerminalMessage } from "@deckhand/core";
import type { DeckhandServer } from "./deckhand-server.ts";

/** A watcher of a terminal as any WebSocket library would be one, with the token in a header. */
export interface TerminalWatcher {
  /** Everything that came, byte for byte. */
  readonly bytes: Buffer;
  readonly text: string;
  readonly messages: readonly TerminalMessage[];
  /** The offset behind the last byte that came. */
  readonly offset: number;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  type(text: string | Uint8Array<ArrayBuffer>): void;
  send(message: unknown): void;
  /** Resolves when this was shown. */
  shows(text: string | RegExp): Promise<void>;
  says<Type extends TerminalMessage["type"]>(
    type: Type,
  ): Promise<Extract<TerminalMessage, { type: Type }>>;
  leave(): Promise<void>;
}

export interface WatchOptions {
  readonly after?: number;
  readonly token?: string;
}

const WITHIN_MS = 60_000;

/** Connects and waits for the hello. */
export async function watchTerminal(
  server: Pick<DeckhandServer, "url" | "token">,
  terminalId: string,
  { after, token = server.token }: WatchOptions = {},
): Promise<TerminalWatcher> {
  const query = after === undefined ? "" : `?after=${after}`;
  const address = `${server.url.replace("http", "ws")}/api/v1/terminals/${terminalId}/connect${query}`;
  // Node's WebSocket takes headers, which the type of browsers does not know.
  const init = { headers: { authorization: `Bearer ${token}` } } as unknown as string[];
  const socket = new WebSocket(address, init);
  socket.binaryType = "arraybuffer";
  const pieces: Buffer[] = [];
  const messages: TerminalMessage[] = [];
  const closed = Promise.withResolvers<{ readonly code: number; readonly reason: string }>();
  let isOver = false;
  let wake = () => {};
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") messages.push(JSON.parse(data) as TerminalMessage);
    else pieces.push(Buffer.from(data as ArrayBuffer));
    wake();
  });
  socket.addEventListener("close", ({ code, reason }) => {
    isOver = true;
    closed.resolve({ code, reason });
    wake();
  });
  const bytes = () => Buffer.concat(pieces);

  async function until<Found>(find: () => Found | undefined, what: string): Promise<Found> {
    const giveUp = performance.now() + WITHIN_MS;
    for (;;) {
      const from = performance.now();
      const found = find();
      if (found !== undefined) return found;
      const lookedForMs = performance.now() - from;
      if (isOver || from > giveUp)
        throw new Error(`${what} did not come; what came: ${JSON.stringify(lastOf(bytes()))}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 100);
      });
      // Looking through megabytes for every piece that comes would keep us from taking them.
      await new Promise((resolve) => setTimeout(resolve, 2 * lookedForMs));
    }
  }

  const says: TerminalWatcher["says"] = (type) =>
    until(() => messages.find((message) => message.type === type) as never, `the message ${type}`);
  const hello = await says("hello");
  return {
    get bytes() {
      return bytes();
    },
    get text() {
      return bytes().toString();
    },
    messages,
    get offset() {
      return hello.offset + pieces.reduce((sum, { length }) => sum + length, 0);
    },
    closed: closed.promise,
    type: (text) => socket.send(typeof text === "string" ? Buffer.from(text) : text),
    send: (message) => socket.send(JSON.stringify(message)),
    shows: async (text) => {
      const isShown = () => {
        const shown = bytes().toString();
        return (typeof text === "string" ? shown.includes(text) : text.test(shown)) || undefined;
      };
      await until(isShown, String(text));
    },
    says,
    leave: async () => {
      socket.close();
      await closed.promise;
    },
  };
}

function lastOf(bytes: Buffer): string {
  return bytes.subarray(-2_000).toString();
}
