import type { Execution, OutputFrame, RunSummary } from "@deckhand/core";
import type { RequestOptions } from "./client.ts";
import { ConnectionError, ProblemError } from "./problem-error.ts";
import { EventStreamParser, type ServerSentEvent } from "./server-sent-events.ts";
import type { Answer } from "./send.ts";

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
  readonly execution?: string | undefined;
  /** `base64`: no output comes as text, which takes less time on both sides. */
  readonly encoding?: "text" | "base64";
  readonly signal?: AbortSignal;
  /** How long a server may be away; default five minutes. */
  readonly patienceMs?: number;
}

/** Where the events come from. */
export interface EventSource {
  readonly server: string;
  readonly path: string;
  send(method: string, path: string, options?: RequestOptions): Promise<Answer>;
}

const PATIENCE_MS = 5 * 60 * 1000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** The server pings every 15 s; a connection that says nothing for this long is dead. */
const SILENCE_MS = 45_000;
/** What a server that restarts, or a proxy before it, answers; it passes. */
const PASSING_STATUSES: readonly number[] = [429, 502, 503, 504];

/** Follows a run to its end; resumes after the last output it gave out when the connection is cut. */
export async function* followRun(
  source: EventSource,
  options: FollowOptions,
): AsyncGenerator<RunUpdate> {
  let after = options.after ?? 0;
  let awaySince: number | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      for await (const update of readStream(source, { ...options, after })) {
        if (awaySince !== undefined) yield { event: "reconnected", data: { after } };
        awaySince = undefined;
        pauseMs = FIRST_PAUSE_MS;
        if (update.event === "output") after = update.data.seq;
        yield update;
        if (update.event === "end") return;
      }
      throw new ConnectionError(source.server, new Error("the stream ended early"));
    } catch (error) {
      if (options.signal?.aborted) return;
      if (!(error instanceof ConnectionError)) throw error;
      if (awaySince === undefined) yield { event: "disconnected", data: { reason: error.message } };
      awaySince ??= performance.now();
      if (performance.now() - awaySince > (options.patienceMs ?? PATIENCE_MS)) throw error;
    }
    await pause(pauseMs, options.signal);
  }
}

async function* readStream(
  { server, path, send }: EventSource,
  { after, execution, encoding, signal }: FollowOptions & { readonly after: number },
): AsyncGenerator<RunUpdate> {
  const silence = silenceWatch();
  const watched = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const headers = { accept: "text/event-stream" };
  const parser = new EventStreamParser();
  silence.start();
  try {
    const answer = await send("GET", path, {
      query: { after, execution, encoding },
      headers,
      signal: watched,
    });
    for await (const bytes of answer.body ?? []) {
      // Who reads this slowly is not a server that is silent.
      silence.stop();
      for (const event of parser.push(bytes)) yield toUpdate(event);
      silence.start();
    }
  } catch (error) {
    throw isFinal(error) ? error : new ConnectionError(server, error);
  } finally {
    silence.stop();
  }
}

function silenceWatch() {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    signal: controller.signal,
    start: () => {
      const reason = new Error(`it said nothing for ${SILENCE_MS / 1000} s`);
      timer = setTimeout(() => controller.abort(reason), SILENCE_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Tells whether asking again would get the same. */
function isFinal(error: unknown): boolean {
  if (error instanceof ProblemError) return !PASSING_STATUSES.includes(error.problem.status);
  return false;
}

function toUpdate({ event, data }: ServerSentEvent): RunUpdate {
  return { event, data: JSON.parse(data) } as RunUpdate;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
