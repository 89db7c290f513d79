import type { ServerResponse } from "node:http";
import { AppError } from "@deckhand/core";
import type { FastifyReply } from "fastify";

/** The streams that are open: bounded, and all ended when the server closes. */
export interface LiveStreams {
  /** Refuses with RATE_LIMITED when too many are open. */
  open(): OpenStream;
  closeAll(): void;
}

export interface OpenStream {
  readonly signal: AbortSignal;
  close(): void;
}

declare module "fastify" {
  interface FastifyInstance {
    readonly liveStreams: LiveStreams;
  }
}

export function liveStreams(options: {
  readonly most: number;
  readonly onCount: (count: number) => void;
}): LiveStreams {
  const open = new Set<AbortController>();
  const forget = (controller: AbortController) => {
    controller.abort();
    if (open.delete(controller)) options.onCount(open.size);
  };
  return {
    open: () => {
      if (open.size >= options.most) throw tooManyFollowers(options.most);
      const controller = new AbortController();
      open.add(controller);
      options.onCount(open.size);
      return { signal: controller.signal, close: () => forget(controller) };
    },
    closeAll: () => {
      for (const controller of open) forget(controller);
    },
  };
}

function tooManyFollowers(most: number): AppError {
  return new AppError("RATE_LIMITED", {
    detail: `${most} streams are open already.`,
    hint: "Close one, or read the output page by page.",
    extra: { retryAfterSeconds: 5 },
  });
}

/** Who is silent this long is asked whether he is there. */
const KEEP_ALIVE_MS = 30_000;
const HEADERS = {
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
  // A server that closes would wait for a connection that is kept for further requests.
  connection: "close",
};

export interface SendLiveOptions {
  readonly contentType: string;
  /** Whether what comes says itself when it is whole; else a server that closes breaks the connection. */
  readonly saysItsEnd: boolean;
  /** What is said every few seconds, whatever else is. */
  readonly ping?: { readonly bytes: string; readonly everyMs: number };
  /** A reader that takes nothing for this long is cut; it can resume. */
  readonly stalledMs?: number;
}

/** Answers with bytes as they come; those may be overwritten once the next are asked for. Ends with them, with the reader, or with the server. */
export function sendLive(
  reply: FastifyReply,
  start: (signal: AbortSignal) => AsyncIterable<string | Buffer>,
  options: SendLiveOptions,
): FastifyReply {
  const stream = reply.server.liveStreams.open();
  const { raw } = reply;
  reply.hijack();
  raw.once("close", () => stream.close());
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    ...HEADERS,
    "content-type": options.contentType,
  });
  void pump(raw, start, {
    ...options,
    signal: stream.signal,
    isHead: reply.request.method === "HEAD",
  })
    .catch((error: unknown) => {
      // The status is sent already: a broken connection is all that is left to tell the reader to come again.
      reply.log.error({ err: error }, "a live answer failed");
      raw.destroy();
    })
    .finally(() => stream.close());
  return reply;
}

interface PumpOptions extends SendLiveOptions {
  readonly signal: AbortSignal;
  readonly isHead: boolean;
}

async function pump(
  raw: ServerResponse,
  start: (signal: AbortSignal) => AsyncIterable<string | Buffer>,
  options: PumpOptions,
): Promise<void> {
  if (options.isHead) return void raw.end();
  raw.socket?.setKeepAlive(true, KEEP_ALIVE_MS);
  raw.flushHeaders();
  const stopPings = startPings(raw, options.ping);
  try {
    for await (const bytes of start(options.signal)) {
      await write(raw, bytes, options);
      if (options.signal.aborted || raw.destroyed) break;
    }
    if (options.signal.aborted && !options.saysItsEnd) raw.destroy();
    else raw.end();
  } finally {
    stopPings();
  }
}

function startPings(raw: ServerResponse, ping: SendLiveOptions["ping"]): () => void {
  if (!ping) return () => undefined;
  const timer = setInterval(() => {
    if (raw.writable && !raw.writableNeedDrain) raw.write(ping.bytes);
  }, ping.everyMs);
  return () => clearInterval(timer);
}

/** Waits until the connection has taken it, so that nothing piles up here; cuts a reader that has stopped reading. */
function write(
  raw: ServerResponse,
  bytes: string | Buffer,
  { signal, stalledMs = 30_000 }: PumpOptions,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(patience);
      raw.off("close", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const patience = setTimeout(() => raw.destroy(), stalledMs);
    raw.once("close", done);
    signal.addEventListener("abort", done, { once: true });
    if (raw.destroyed || signal.aborted) done();
    else raw.write(bytes, done);
  });
}
