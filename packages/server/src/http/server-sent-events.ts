import type { ServerResponse } from "node:http";
import { AppError } from "@deckhand/core";
import type { FastifyReply } from "fastify";

export interface ServerSentEvent {
  readonly event: string;
  /** What a reader resumes after; absent on events that are signals only. */
  readonly id?: number | string;
  readonly data: unknown;
}

/** One event, or the bytes of several, which may be overwritten once the next is asked for. */
export type Sendable = ServerSentEvent | Buffer;

export interface SendEventsOptions {
  readonly pingMs?: number;
  /** A reader that takes nothing for this long is cut; it can resume. */
  readonly stalledMs?: number;
}

/** The event streams that are open: bounded, and all ended when the server closes. */
export interface EventStreams {
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
    readonly eventStreams: EventStreams;
  }
}

export function eventStreams(options: {
  readonly most: number;
  readonly onCount: (count: number) => void;
}): EventStreams {
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
    detail: `${most} event streams are open already.`,
    hint: "Close one, or read the output page by page.",
    extra: { retryAfterSeconds: 5 },
  });
}

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
  // A server that closes would wait for a connection that is kept for further requests.
  connection: "close",
};

/** Answers with a stream of events that ends with them, with the reader, or with the server. */
export function sendEvents(
  reply: FastifyReply,
  start: (signal: AbortSignal) => AsyncIterable<Sendable>,
  options: SendEventsOptions = {},
): FastifyReply {
  const stream = reply.server.eventStreams.open();
  const { raw } = reply;
  reply.hijack();
  raw.once("close", () => stream.close());
  raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...HEADERS });
  void pump(raw, start, {
    ...options,
    signal: stream.signal,
    isHead: reply.request.method === "HEAD",
  })
    .catch((error: unknown) => {
      // The status is sent already: a broken connection is all that is left to tell the reader to come again.
      reply.log.error({ err: error }, "event stream failed");
      raw.destroy();
    })
    .finally(() => stream.close());
  return reply;
}

interface PumpOptions extends SendEventsOptions {
  readonly signal: AbortSignal;
  readonly isHead: boolean;
}

async function pump(
  raw: ServerResponse,
  start: (signal: AbortSignal) => AsyncIterable<Sendable>,
  options: PumpOptions,
): Promise<void> {
  if (options.isHead) return void raw.end();
  const stopPings = startPings(raw, options.pingMs ?? 15_000);
  try {
    raw.write("retry: 2000\n\n");
    for await (const event of start(options.signal)) {
      await write(raw, Buffer.isBuffer(event) ? event : toText(event), options);
      if (options.signal.aborted || raw.destroyed) break;
    }
    raw.end();
  } finally {
    stopPings();
  }
}

function startPings(raw: ServerResponse, pingMs: number): () => void {
  const timer = setInterval(() => {
    if (raw.writable && !raw.writableNeedDrain) raw.write(": ping\n\n");
  }, pingMs);
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

function toText({ id, event, data }: ServerSentEvent): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
