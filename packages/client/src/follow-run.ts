import type { Execution, OutputFrame, RunSummary } from "@deckhand/core";
import type { RequestOptions } from "./client.ts";
import { ConnectionError } from "./problem-error.ts";
import { EventStreamParser, type ServerSentEvent } from "./server-sent-events.ts";

/** An execution as the stream tells it: with its target's name. */
export type ExecutionUpdate = Omit<Execution, "target"> & {
  readonly target: string;
  readonly targetId: string;
};

/** What a follower gets to know. `reconnected` says that nothing is missing although the connection was cut. */
export type RunUpdate =
  | { readonly event: "execution"; readonly data: ExecutionUpdate }
  | { readonly event: "run"; readonly data: RunSummary }
  | { readonly event: "output"; readonly data: OutputFrame }
  | { readonly event: "disconnected"; readonly data: { readonly reason: string } }
  | { readonly event: "reconnected"; readonly data: { readonly after: number } }
  | { readonly event: "end"; readonly data: RunSummary };

export interface FollowOptions {
  readonly after?: number;
  readonly execution?: string;
  readonly signal?: AbortSignal;
  /** How long a server may be away; default five minutes. */
  readonly patienceMs?: number;
}

type Send = (method: string, path: string, options?: RequestOptions) => Promise<Response>;

const PATIENCE_MS = 5 * 60 * 1000;
const LONGEST_PAUSE_MS = 5_000;
/** The server pings every 15 s; a connection that says nothing for this long is dead. */
const SILENCE_MS = 45_000;

/** Follows a run to its end; resumes after the last output it gave out when the connection is cut. */
export async function* followRun(
  send: Send,
  path: string,
  options: FollowOptions,
): AsyncGenerator<RunUpdate> {
  let after = options.after ?? 0;
  let awaySince: number | undefined;
  for (let pauseMs = 100; ; ) {
    try {
      for await (const update of readStream(send, path, { ...options, after })) {
        if (awaySince !== undefined) yield { event: "reconnected", data: { after } };
        awaySince = undefined;
        pauseMs = 100;
        if (update.event === "output") after = update.data.seq;
        yield update;
        if (update.event === "end") return;
      }
      throw new ConnectionError(path, new Error("the stream ended early"));
    } catch (error) {
      if (options.signal?.aborted) return;
      if (!(error instanceof ConnectionError)) throw error;
      if (awaySince === undefined) yield { event: "disconnected", data: { reason: error.message } };
      awaySince ??= performance.now();
      if (performance.now() - awaySince > (options.patienceMs ?? PATIENCE_MS)) throw error;
    }
    await pause(pauseMs, options.signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

async function* readStream(
  send: Send,
  path: string,
  { after, execution, signal }: FollowOptions & { readonly after: number },
): AsyncGenerator<RunUpdate> {
  const silence = new AbortController();
  const watched = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const headers = { accept: "text/event-stream" };
  const answer = await send("GET", path, { query: { after, execution }, headers, signal: watched });
  const parser = new EventStreamParser();
  let dog = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    for await (const bytes of answer.body ?? []) {
      clearTimeout(dog);
      dog = setTimeout(() => silence.abort(), SILENCE_MS);
      for (const event of parser.push(bytes)) yield toUpdate(event);
    }
  } catch (cause) {
    throw new ConnectionError(path, cause);
  } finally {
    clearTimeout(dog);
  }
}

function toUpdate({ event, data }: ServerSentEvent): RunUpdate {
  return { event, data: JSON.parse(data) } as RunUpdate;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
