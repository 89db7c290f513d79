import type { FastifyReply } from "fastify";
import { sendLive, type SendLiveOptions } from "./live-streams.ts";

export interface ServerSentEvent {
  readonly event: string;
  /** What a reader resumes after; absent on events that are signals only. */
  readonly id?: number | string;
  readonly data: unknown;
}

/** One event, or the bytes of several, which may be overwritten once the next is asked for. */
export type Sendable = ServerSentEvent | Buffer;

export interface SendEventsOptions extends Pick<SendLiveOptions, "stalledMs"> {
  readonly pingMs?: number;
}

/** Answers with a stream of events that ends with them, with the reader, or with the server. */
export function sendEvents(
  reply: FastifyReply,
  start: (signal: AbortSignal) => AsyncIterable<Sendable>,
  { pingMs = 15_000, ...options }: SendEventsOptions = {},
): FastifyReply {
  return sendLive(reply, (signal) => toBytes(start(signal)), {
    ...options,
    contentType: "text/event-stream; charset=utf-8",
    saysItsEnd: true,
    ping: { bytes: ": ping\n\n", everyMs: pingMs },
  });
}

async function* toBytes(events: AsyncIterable<Sendable>): AsyncGenerator<string | Buffer> {
  yield "retry: 2000\n\n";
  for await (const event of events) yield Buffer.isBuffer(event) ? event : toText(event);
}

function toText({ id, event, data }: ServerSentEvent): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
