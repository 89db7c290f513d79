import { isTerminal, type OutputFrame, type RunState } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { ExecutionFrame } from "../output/merged-frames.ts";
import type { OutputCursor, OutputLog } from "../output/output-log.ts";
import { type RunSignals, waitForRun } from "./run-signals.ts";
import { type ExecutionRow, getRun, listExecutions, type RunRow } from "./run-store.ts";
import { toExecution, toRunSummary } from "./run-view.ts";

/** A lost signal costs this much delay and no data. */
const LOOK_AGAIN_MS = 5_000;
/** Signals that come closer together than this are answered by one look. */
const COALESCE_MS = 20;
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
  readonly signal: AbortSignal;
}

export interface RunEventMessage {
  readonly event: "run" | "execution" | "output" | "end";
  /** Given with output only: what to resume after. */
  readonly id?: number;
  readonly data: unknown;
}

/**
 * Streams a run: the state of each execution, then its output and changes as they come, then the end. States are read
 * before output, so an execution's end is told after all that it wrote.
 */
export async function* followRun(
  deps: FollowDeps,
  runId: string,
  options: FollowOptions,
): AsyncGenerator<RunEventMessage> {
  const waiter = waitForRun(deps.signals, runId);
  try {
    const executions = await pickExecutions(deps, runId, options.executionId);
    const names = new Map(executions.map((row) => [row.id, row.target_name]));
    const cursor = deps.output.openCursor(runId, {
      executionIds: [...names.keys()],
      after: options.after,
    });
    const told = new Map<string, string>();
    while (!options.signal.aborted) {
      const run = await getRun(deps.db, runId);
      const rows = await pickExecutions(deps, runId, options.executionId);
      yield* outputOf(cursor, names);
      yield* changes(run, rows, told);
      if (isTerminal(run.state as RunState)) return yield toEnd(run, rows);
      await waiter.next({ timeoutMs: LOOK_AGAIN_MS, signal: options.signal });
      await pause(COALESCE_MS);
    }
  } finally {
    waiter.close();
  }
}

async function pickExecutions(deps: FollowDeps, runId: string, executionId: string | undefined) {
  const rows = await listExecutions(deps.db, runId);
  return executionId ? rows.filter((row) => row.id === executionId) : rows;
}

async function* outputOf(
  cursor: OutputCursor,
  names: ReadonlyMap<string, string>,
): AsyncGenerator<RunEventMessage> {
  for (
    let frames = await cursor.next(FRAMES_AT_ONCE);
    frames.length > 0;
    frames = await cursor.next(FRAMES_AT_ONCE)
  ) {
    for (const frame of frames) {
      yield {
        event: "output",
        id: frame.seq,
        data: toOutputFrame(frame, names.get(frame.executionId) ?? ""),
      };
    }
  }
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
  if (told.get(run.id) === run.counts_json) return;
  told.set(run.id, run.counts_json);
  yield { event: "run", data: toEventRun(run, rows) };
}

function toEnd(run: RunRow, rows: readonly ExecutionRow[]): RunEventMessage {
  return { event: "end", data: toEventRun(run, rows) };
}

function toEventRun(run: RunRow, rows: readonly ExecutionRow[]) {
  return toRunSummary(run, rows.length === 1 ? (rows[0]?.exit_code ?? null) : null);
}

/** Shows a frame as text where it is text; a frame holds whole characters when the script wrote any. */
export function toOutputFrame(frame: ExecutionFrame, target: string): OutputFrame {
  const { seq, executionId, stream, payload } = frame;
  const shared = {
    seq,
    executionId,
    target,
    stream,
    at: new Date(frame.atMs).toISOString(),
    bytes: payload.length,
  };
  const text = toText(payload);
  return text === undefined
    ? { ...shared, base64: payload.toString("base64") }
    : { ...shared, text };
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `undefined` when the bytes are no UTF-8. */
export function toText(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until the run has ended, or the time is up, or the signal aborts. */
export async function waitForEnd(
  deps: Pick<FollowDeps, "db" | "signals">,
  runId: string,
  options: { readonly waitMs: number; readonly signal: AbortSignal },
): Promise<RunRow> {
  const until = performance.now() + options.waitMs;
  const waiter = waitForRun(deps.signals, runId);
  try {
    for (;;) {
      const run = await getRun(deps.db, runId);
      const leftMs = until - performance.now();
      if (isTerminal(run.state as RunState) || leftMs <= 0 || options.signal.aborted) return run;
      await waiter.next({ timeoutMs: Math.min(leftMs, LOOK_AGAIN_MS), signal: options.signal });
    }
  } finally {
    waiter.close();
  }
}
