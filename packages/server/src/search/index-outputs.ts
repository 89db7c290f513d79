import { setTimeout as wait } from "node:timers/promises";
import type { OutputStream } from "../engines/engine.ts";
import type { OutputLog } from "../output/output-log.ts";
import type { SearchedLines, SearchIndex } from "./search-index.ts";
import type { SearchedExecution, SearchQueueStore } from "./search-queue-store.ts";
import { LineSplitter } from "./split-lines.ts";

const STREAMS = ["stdout", "stderr"] as const;
const LOOK_EVERY_MS = 500;
const AT_ONCE = 20;
/** What runs goes before what can be found later. */
const BETWEEN_STEPS_MS = 2;
/** While executions are under way, so many milliseconds lie between two steps. */
const BETWEEN_WHEN_BUSY_MS = 500;
/** Up to so many lines a stream goes in together with others. */
const SHORT_LINES = 50;

export interface IndexDeps {
  readonly index: SearchIndex;
  readonly queue: SearchQueueStore;
  readonly output: Pick<OutputLog, "readFrames">;
  /** Whether executions are under way. */
  readonly isBusy: () => boolean;
  readonly bytesPerExecution: number;
  readonly onProblem: (error: unknown) => void;
}

/** Puts what has ended into the index, in the background and in small steps; what a crash left comes first. */
export function indexOutputs(deps: IndexDeps): { close(): Promise<void> } {
  const stop = new AbortController();
  const { signal } = stop;
  const working = (async () => {
    while (!signal.aborted) {
      if ((await step(deps, signal)) === 0)
        await wait(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  })().catch(deps.onProblem);
  return {
    close: async () => {
      stop.abort();
      await working;
    },
  };
}

/** A server that ends in between queues all once more. */
async function fill({ index, queue }: IndexDeps): Promise<void> {
  await queue.queueAll();
  index.noteFilled();
}

async function step(deps: IndexDeps, signal: AbortSignal): Promise<number> {
  try {
    if (deps.index.isNew) await fill(deps);
    const queued = await deps.queue.list(AT_ONCE);
    if (queued.length > 0 && deps.isBusy())
      await wait(BETWEEN_WHEN_BUSY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    const short = new Map<string, readonly SearchedLines[]>();
    const done: number[] = [];
    for (const { seq, executionId } of queued) {
      if (signal.aborted) break;
      short.set(executionId, await indexOne(deps, executionId));
      done.push(seq);
    }
    // One wait for the disk for all of them.
    deps.index.putShort([...short.values()].flat());
    if (done.length > 0) await deps.queue.done(done);
    return done.length;
  } catch (error) {
    deps.onProblem(error);
    return 0;
  }
}

const pause = () => wait(BETWEEN_STEPS_MS);

/** Gives what is short back, to be put in together with others. */
async function indexOne(deps: IndexDeps, executionId: string): Promise<readonly SearchedLines[]> {
  const { index, queue } = deps;
  await index.forget(executionId, pause);
  const execution = await queue.findExecution(executionId);
  const streams = execution ? await readStreams(deps, execution) : [];
  const isShort = ({ lines }: SearchedLines) => lines.length <= SHORT_LINES;
  for (const one of streams) if (!isShort(one)) await index.put(one.stream, one.lines, pause);
  return streams.filter(isShort);
}

async function readStreams(
  deps: IndexDeps,
  execution: SearchedExecution,
): Promise<readonly SearchedLines[]> {
  const half = Math.floor(deps.bytesPerExecution / 2);
  const streams = { stdout: new LineSplitter(half), stderr: new LineSplitter(half) };
  // What can not be read is found as far as it was: it must not keep all that ended later out of the index.
  await readInto(streams, deps, execution).catch(deps.onProblem);
  return STREAMS.map((stream) => ({
    stream: { ...execution.of, stream },
    lines: streams[stream].end(),
  }));
}

/** Stops where each stream is full, or has nothing more: a long one would be read to its end in search of the other. */
async function readInto(
  streams: Readonly<Record<OutputStream, LineSplitter>>,
  { output }: IndexDeps,
  { of: { runId, executionId }, written }: SearchedExecution,
): Promise<void> {
  const left = { ...written };
  const isDone = () => STREAMS.every((stream) => streams[stream].isFull || left[stream] <= 0);
  for await (const frames of output.readFrames(runId, executionId)) {
    for (const { stream, payload } of frames) {
      streams[stream].add(payload);
      left[stream] -= payload.length;
    }
    if (isDone()) return;
  }
}
