import { type Execution, isTerminal, type RunState } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { OutputStream } from "../engines/engine.ts";
import type { OutputLog } from "../output/output-log.ts";
import { fromOffset, type OutputEncoder, RawOutput } from "./output-frames.ts";
import { pickExecutions } from "./pick-executions.ts";
import { toLastAttempts } from "./last-attempts.ts";
import { type EndedRun, type RunSignals, type Waiter, waitForRun } from "./run-signals.ts";
import { type ExecutionRow, getRun, type RunRow } from "./run-store.ts";
import { toExecution, toRunSummary } from "./run-view.ts";

/** A lost signal costs this much delay and no data. */
const LOOK_AGAIN_MS = 5_000;
/** Signals that come closer together than this are answered by one look at the states. */
const COALESCE_MS = 20;
/** Whoever gave so much output has more by now. */
const FLOOD_BYTES = 64 * 1024;
const FLOOD_LOOK_MS = 100;
const FRAMES_AT_ONCE = 256;

export interface FollowDeps {
  readonly db: Kysely<Database>;
  readonly output: OutputLog;
  readonly signals: RunSignals;
}

export interface FollowOptions {
  /** Output up to this number is known already. */
  readonly after: number;
  readonly executionId?: string | undefined;
  readonly encoder: OutputEncoder;
  readonly signal: AbortSignal;
}

export type RunEventMessage =
  | { readonly event: "run" | "end"; readonly data: unknown }
  | { readonly event: "execution"; readonly data: ExecutionUpdate };

type ExecutionUpdate = Omit<Execution, "target"> & {
  readonly target: string;
  readonly targetId: string;
};

/**
 * Streams a run: the state of each execution, then its output and changes as they come, then the end. States are read
 * before output, so an execution's end is told after all that it wrote. Output comes as bytes, which are good until the
 * next are asked for.
 */
export async function* followRun(
  deps: FollowDeps,
  runId: string,
  options: FollowOptions,
): AsyncGenerator<RunEventMessage | Buffer> {
  const waiter = waitForRun(deps.signals, runId, { onlyEnd: false });
  try {
    const { after, encoder } = options;
    const reading = { deps, runId, after, encoder };
    let rows: readonly ExecutionRow[] = [];
    let output = outputReader(reading, rows);
    const told = new Map<string, string>();
    while (!options.signal.aborted) {
      const run = await getRun(deps.db, runId);
      const known = rows.length;
      rows = await pickExecutions(deps.db, runId, options.executionId);
      // An attempt that came since has output of its own.
      if (rows.length > known) output = outputReader(reading, rows);
      const lookAgainAt = performance.now() + COALESCE_MS;
      yield* output();
      yield* changes(run, rows, told);
      if (isTerminal(run.state as RunState)) return yield toEnd(run, rows);
      await waiter.next({ timeoutMs: LOOK_AGAIN_MS, signal: options.signal });
      yield* outputUntil(lookAgainAt, { output, waiter, signal: options.signal });
    }
  } finally {
    waiter.close();
  }
}

export interface FollowBytesOptions extends Pick<FollowOptions, "signal"> {
  readonly executionId: string;
  readonly stream: OutputStream | "both";
  /** So many bytes are known already. */
  readonly offset: number;
}

/** Streams what one execution wrote and writes, byte for byte, to its end; the bytes are good until the next are asked for. */
export function followBytes(
  deps: FollowDeps,
  runId: string,
  { executionId, stream, offset, signal }: FollowBytesOptions,
): AsyncGenerator<Buffer> {
  const encoder = new RawOutput(stream);
  const following = followRun(deps, runId, { after: 0, executionId, encoder, signal });
  return fromOffset(onlyBytes(following), offset);
}

async function* onlyBytes(
  following: AsyncIterable<RunEventMessage | Buffer>,
): AsyncGenerator<Buffer> {
  for await (const told of following) {
    if (Buffer.isBuffer(told)) yield told;
    else if (told.event === "execution" && isTerminal(told.data.state)) return;
  }
}

/** What was read of a run's output: up to that number. */
interface Reading {
  readonly deps: FollowDeps;
  readonly runId: string;
  readonly encoder: OutputEncoder;
  after: number;
}

type OutputReader = () => AsyncGenerator<Buffer, number>;

/** Gives what can be read now, and in the end says how much that was. */
function outputReader(reading: Reading, rows: readonly ExecutionRow[]): OutputReader {
  const { deps, runId, after, encoder } = reading;
  const names = new Map(rows.map((row) => [row.id, row.target_name]));
  const cursor = deps.output.openCursor(runId, { executionIds: [...names.keys()], after });
  const nameOf = (id: string) => names.get(id) ?? "";
  return async function* () {
    let bytes = 0;
    for (
      let frames = await cursor.next(FRAMES_AT_ONCE);
      frames.length > 0;
      frames = await cursor.next(FRAMES_AT_ONCE)
    ) {
      reading.after = frames.at(-1)?.seq ?? reading.after;
      for (const block of encoder.encode(frames, nameOf)) {
        bytes += block.length;
        yield block;
      }
      cursor.release();
    }
    return bytes;
  };
}

interface Following {
  readonly output: OutputReader;
  readonly waiter: Waiter;
  readonly signal: AbortSignal;
}

/** While much comes, reads along and looks at the states less often; else waits. */
async function* outputUntil(
  time: number,
  { output, waiter, signal }: Following,
): AsyncGenerator<Buffer> {
  for (let bytes = yield* output(); bytes >= FLOOD_BYTES; bytes = yield* output()) {
    const timeoutMs = time + FLOOD_LOOK_MS - performance.now();
    if (timeoutMs <= 0 || signal.aborted) return;
    await waiter.next({ timeoutMs, signal });
  }
  await pause(Math.max(0, time - performance.now()));
}

function* changes(
  run: RunRow,
  rows: readonly ExecutionRow[],
  told: Map<string, string>,
): Generator<RunEventMessage> {
  for (const row of rows) {
    if (told.get(row.id) === row.state) continue;
    told.set(row.id, row.state);
    const { target, ...execution } = toExecution(row);
    yield { event: "execution", data: { ...execution, target: target.name, targetId: target.id } };
  }
  const state = `${run.counts_json} ${run.rollout_json}`;
  if (told.get(run.id) === state) return;
  told.set(run.id, state);
  yield { event: "run", data: toEventRun(run, rows) };
}

function toEnd(run: RunRow, rows: readonly ExecutionRow[]): RunEventMessage {
  return { event: "end", data: toEventRun(run, rows) };
}

function toEventRun(run: RunRow, rows: readonly ExecutionRow[]) {
  const [only, ...others] = toLastAttempts(rows);
  return toRunSummary(run, others.length === 0 ? (only?.exit_code ?? null) : null);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until the run has ended, or the time is up, or the signal aborts; gives it as it is then. */
export async function waitForEnd(
  deps: Pick<FollowDeps, "db" | "signals">,
  runId: string,
  options: { readonly waitMs: number; readonly signal: AbortSignal },
): Promise<EndedRun> {
  const until = performance.now() + options.waitMs;
  const waiter = waitForRun(deps.signals, runId, { onlyEnd: true });
  try {
    let run = await readWritten(deps.db, runId);
    for (;;) {
      const leftMs = until - performance.now();
      const isOver = isTerminal(run.row.state as RunState);
      if (isOver || leftMs <= 0 || options.signal.aborted) return run;
      const timeoutMs = Math.min(leftMs, LOOK_AGAIN_MS);
      const change = await waiter.next({ timeoutMs, signal: options.signal });
      run = change?.ended ?? (await readWritten(deps.db, runId));
    }
  } finally {
    waiter.close();
  }
}

async function readWritten(db: Kysely<Database>, runId: string): Promise<EndedRun> {
  return { row: await getRun(db, runId), onDisk: Promise.resolve() };
}
