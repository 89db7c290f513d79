import type { OutputFrame, Run, RunRequestInput } from "@deckhand/core";
import type { DeckhandServer } from "./deckhand-server.ts";

const TRY_AGAIN_MS = 100;
/** Short, so that there is an answer even when the server never lives long. */
const WAIT = "1s";
/** A server that stays away for this long is not being restarted: it is broken. */
const PATIENCE_MS = 120_000;

/** Everything that a follower saw of a run with one execution. */
export interface Followed {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly frames: number;
  /** How often it was taken up again, because the stream broke or ended before the run did. */
  readonly resumed: number;
  /** Frames that came again, or before one that was seen already. */
  readonly repeated: number;
}

/** A client that outlives the server: it asks again until there is an answer. */
export interface PatientClient {
  /** Creates the run once, however often it has to ask. */
  submit(key: string, request: RunRequestInput): Promise<Run>;
  waitForEnd(runId: string, withinMs: number): Promise<Run>;
  readRaw(runId: string, stream: "stdout" | "stderr"): Promise<Buffer>;
  follow(runId: string): Promise<Followed>;
}

export function patientClient(server: Pick<DeckhandServer, "fetch">): PatientClient {
  async function ask<T>(
    path: string,
    init: RequestInit,
    read: (answer: Response) => Promise<T>,
  ): Promise<T> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await tryToRead(server, { path, init }, read);
      if (answer) return answer.read;
      if (performance.now() > until) throw new Error(`no answer to ${path}`);
      await pause(TRY_AGAIN_MS);
    }
  }

  async function waitForEnd(runId: string, withinMs: number): Promise<Run> {
    const until = performance.now() + withinMs;
    for (;;) {
      const run = await ask(`/api/v1/runs/${runId}?wait=${WAIT}`, {}, toJson<Run>);
      if (run.finishedAt) return run;
      if (performance.now() > until)
        throw new Error(`${runId} does not end: ${JSON.stringify(toState(run))}`);
    }
  }

  return {
    submit: (key, request) =>
      ask(
        "/api/v1/runs",
        {
          method: "POST",
          body: JSON.stringify(request),
          headers: { "idempotency-key": key },
        },
        toJson<Run>,
      ),
    waitForEnd,
    readRaw: (runId, stream) =>
      ask(`/api/v1/runs/${runId}/output/raw?stream=${stream}`, {}, async (answer) =>
        Buffer.from(await answer.arrayBuffer()),
      ),
    follow: (runId) => follow(server, runId),
  };
}

function toState({ state, counts, executions }: Run) {
  return { state, counts, executions };
}

/** `undefined` when the server was away, ended meanwhile, or said that it is not ready. */
async function tryToRead<T>(
  server: Pick<DeckhandServer, "fetch">,
  { path, init }: { readonly path: string; readonly init: RequestInit },
  read: (answer: Response) => Promise<T>,
): Promise<{ readonly read: T } | undefined> {
  let refusal = "";
  try {
    const answer = await server.fetch(path, init);
    if (answer.ok) return { read: await read(answer) };
    if (answer.status === 503) return undefined;
    refusal = `${path} answered ${answer.status}: ${await answer.text()}`;
  } catch {
    return undefined;
  }
  throw new Error(refusal);
}

async function follow(server: Pick<DeckhandServer, "fetch">, runId: string): Promise<Followed> {
  const pieces: Record<OutputFrame["stream"], Buffer[]> = { stdout: [], stderr: [] };
  let last = 0;
  let frames = 0;
  let repeated = 0;
  let opened = 0;
  let awayFrom = performance.now();
  for (let isOver = false; !isOver; ) {
    const headers: Record<string, string> = last > 0 ? { "last-event-id": String(last) } : {};
    for await (const { event, data } of eventsOf(server, runId, headers)) {
      awayFrom = performance.now();
      if (event === "open") opened++;
      if (event === "end") isOver = true;
      if (event !== "output") continue;
      const frame = JSON.parse(data) as OutputFrame;
      if (frame.seq <= last) repeated++;
      last = Math.max(last, frame.seq);
      frames++;
      pieces[frame.stream].push(toBytes(frame));
    }
    if (performance.now() - awayFrom > PATIENCE_MS)
      throw new Error(`the events of ${runId} do not come`);
    if (!isOver) await pause(TRY_AGAIN_MS);
  }
  return {
    stdout: Buffer.concat(pieces.stdout),
    stderr: Buffer.concat(pieces.stderr),
    frames,
    resumed: opened - 1,
    repeated,
  };
}

interface NamedEvent {
  readonly event: string;
  readonly data: string;
}

/** Ends when the stream does, however it does. */
async function* eventsOf(
  server: Pick<DeckhandServer, "fetch">,
  runId: string,
  headers: Record<string, string>,
): AsyncGenerator<NamedEvent> {
  try {
    const answer = await server.fetch(`/api/v1/runs/${runId}/events`, { headers });
    if (answer.status === 204) yield { event: "end", data: "" };
    if (answer.status !== 200 || !answer.body) return;
    yield { event: "open", data: "" };
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of answer.body) {
      const whole = (text + decoder.decode(bytes, { stream: true })).split("\n\n");
      text = whole.pop() ?? "";
      yield* whole.flatMap(toNamedEvent);
    }
  } catch {
    return;
  }
}

function toNamedEvent(text: string): NamedEvent[] {
  const [, event, data] = /event: (\w+)\ndata: (.*)$/.exec(text) ?? [];
  return event && data !== undefined ? [{ event, data }] : [];
}

function toBytes(frame: OutputFrame): Buffer {
  return frame.base64 === undefined
    ? Buffer.from(frame.text ?? "")
    : Buffer.from(frame.base64, "base64");
}

async function toJson<T>(answer: Response): Promise<T> {
  return (await answer.json()) as T;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
