import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as requestHttps, type RequestOptions } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request as requestHttp } from "#node-http";
import { type S3Credentials, signRequest, toPath, toQueryString } from "./sign-request.ts";
import { storeError, toConnectionError } from "./s3-errors.ts";
import type { S3Store } from "./s3-store.ts";

export interface S3Request {
  /** For the error: `Reading db/vacuum.sh`. */
  readonly what: string;
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** Below the prefix; none for the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends signed requests and gives the answers, whatever their status; throws SCRIPT_STORE_UNAVAILABLE when there is none. */
export interface S3Http {
  send(request: S3Request): Promise<S3Answer>;
  close(): void;
}

const MOST_SOCKETS = 16;
/** The largest answer is a list of a thousand keys, or a version list. */
const MOST_ANSWER_BYTES = 64 * 1024 * 1024;
const PAUSES_MS: readonly number[] = [100, 400];
const NO_BODY = new Uint8Array();

export function s3Http(store: S3Store): S3Http {
  const base = new URL(store.endpoint);
  const isSecure = base.protocol === "https:";
  const options = { keepAlive: true, maxSockets: MOST_SOCKETS };
  const agent = isSecure
    ? new TlsAgent({ ...options, ...(store.caFile ? { ca: readFileSync(store.caFile) } : {}) })
    : new Agent(options);

  async function sendOnce(request: S3Request): Promise<S3Answer> {
    const { method, key, query = {}, body = NO_BODY } = request;
    const path = toPath(...toParts(store, base, key));
    const headers = { host: toHost(store, base), ...request.headers };
    const credentials = await readCredentials(store);
    const signed = signRequest(
      { method, path, query, headers, body },
      { credentials, region: store.region, now: new Date() },
    );
    const search = toQueryString(query);
    return exchange(isSecure ? requestHttps : requestHttp, body, {
      agent,
      hostname: base.hostname,
      servername: toHost(store, base).replace(/:\d+$/, ""),
      port: base.port,
      method,
      path: search === "" ? path : `${path}?${search}`,
      headers: { ...signed, "content-length": body.length },
      signal: AbortSignal.timeout(store.timeoutMs),
    });
  }

  /** A connection that broke is tried anew; nobody waits several times for a store that does not answer. */
  async function send(request: S3Request, pausesMs: readonly number[]): Promise<S3Answer> {
    const [pauseMs, ...rest] = pausesMs;
    const answer = await sendOnce(request).catch((error: unknown) => {
      if (pauseMs !== undefined && isBroken(error)) return undefined;
      throw toConnectionError(request.what, error);
    });
    if (answer && !(pauseMs !== undefined && isPassing(answer))) return answer;
    await sleep((pauseMs ?? 0) * (0.5 + Math.random()));
    return send(request, rest);
  }

  return { send: (request) => send(request, PAUSES_MS), close: () => agent.destroy() };
}

function isBroken(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE"].includes(String((error as { code?: unknown }).code));
}

async function readCredentials(store: S3Store): Promise<S3Credentials> {
  try {
    return await store.readCredentials();
  } catch (error) {
    throw storeError("The credentials for the store can not be read.", {
      hint: "Look at the file that scripts.s3.credentialsFile names.",
      cause: error,
    });
  }
}

function toParts({ bucket, prefix, pathStyle }: S3Store, base: URL, key?: string): string[] {
  return [
    ...base.pathname.split("/").filter(Boolean),
    ...(pathStyle ? [bucket] : []),
    ...(key === undefined ? [] : [`${prefix}${key}`]),
  ];
}

function toHost({ bucket, pathStyle }: S3Store, base: URL): string {
  return pathStyle ? base.host : `${bucket}.${base.host}`;
}

/** The store asks to come back, or stumbled: the same request may succeed. */
function isPassing({ status }: S3Answer): boolean {
  return [429, 500, 502, 503, 504].includes(status);
}

function exchange(
  send: typeof requestHttp | typeof requestHttps,
  body: Uint8Array,
  options: RequestOptions,
): Promise<S3Answer> {
  return new Promise((resolve, reject) => {
    const request = send(options, (response) => {
      readAnswer(response).then(resolve, reject);
    });
    request.once("error", reject);
    request.end(body);
  });
}

async function readAnswer(response: IncomingMessage): Promise<S3Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
  };
}
