import type { IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { request as requestHttp } from "#node-http";
import type { AttemptResult } from "./attempt.ts";
import type { ReachRules } from "./reachable-address.ts";

const MOST_READ_BYTES = 4_096;
const LONGEST_ANSWER = 500;

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** Posts once, to an address that may be reached; follows no redirect, keeps no connection, and never throws. */
export async function postJson(reach: ReachRules, post: Post): Promise<AttemptResult> {
  try {
    const answer = await send(reach, post);
    return toResult(answer, await readStart(answer));
  } catch (error) {
    return { kind: "failed", status: null, answer: toWords(error, post.signal) };
  }
}

function send({ assertHost, lookup }: ReachRules, post: Post): Promise<IncomingMessage> {
  const url = new URL(post.url);
  assertHost(url.hostname);
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: "POST",
      agent: false,
      lookup,
      signal: post.signal,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(post.body),
        "user-agent": "Deckhand",
        ...post.headers,
      },
    });
    sent.on("response", resolve);
    sent.on("error", reject);
    sent.end(post.body);
  });
}

/** As much of the answer as helps; the rest is not waited for. */
async function readStart(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= MOST_READ_BYTES) break;
  }
  return Buffer.concat(pieces).toString().slice(0, LONGEST_ANSWER);
}

function toResult(answer: IncomingMessage, text: string): AttemptResult {
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return { kind: "delivered", status, answer: text };
  if (status === 410) return { kind: "gone", status, answer: text };
  const where = status >= 300 && status < 400 ? "Redirects are not followed. " : "";
  return {
    kind: "failed",
    status,
    answer: where + text,
    retryAfterMs: toRetryAfterMs(answer.headers["retry-after"]),
  };
}

function toRetryAfterMs(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : undefined;
}

export function toWords(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "There was no answer in time.";
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.slice(0, LONGEST_ANSWER);
}
