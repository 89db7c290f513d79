import {
  AppError,
  deriveRunState,
  type ExecutionCounts,
  type ExecutionState,
  canMove,
  type Guarantees,
  isTerminal,
  type OutcomeReason,
  TERMINAL_EXECUTION_STATES,
} from "@deckhand/core";
import type { Kysely, Selectable, Transaction, Updateable } from "kysely";
import type { Database, ExecutionsTable, RunsTable } from "../database/database.ts";
import { findRow, findRows, updateRow } from "../database/rows.ts";
import { insertShortOutput, type ShortOutput } from "../output/short-outputs.ts";
import type { Leftover, Usage } from "../sessions/session.ts";
import { insertRetry, type NewRetry } from "./insert-retry.ts";
import type { RunWrites } from "./run-writes.ts";

export type RunRow = Selectable<RunsTable>;
export type ExecutionRow = Selectable<ExecutionsTable>;

/** What changes with a step of an execution; absent members stay as they are. */
export interface ExecutionChange {
  readonly state: ExecutionState;
  readonly atMs: number;
  /** When the script began to run, where no step of its own said so. */
  readonly startedAtMs?: number | undefined;
  readonly reason?: OutcomeReason | undefined;
  readonly exitCode?: number;
  readonly signal?: string | undefined;
  readonly guarantees?: Guarantees;
  readonly output?: {
    readonly stdoutBytes: number;
    readonly stderrBytes: number;
    readonly storedBytes: number;
    readonly truncated: boolean;
    readonly complete: boolean;
    /** What is in no file. */
    readonly short?: ShortOutput | undefined;
  };
  readonly leftovers?: readonly Leftover[];
  readonly usage?: Usage | undefined;
  /** Follows where it ends now, unless the run's end was asked for. */
  readonly retry?: NewRetry | undefined;
}

export interface MovedExecution {
  readonly execution: ExecutionRow;
  readonly run: RunRow;
  /** The attempt that follows it. */
  readonly retry?: ExecutionRow | undefined;
}

export async function findRun(db: Kysely<Database>, runId: string): Promise<RunRow | undefined> {
  return findRow(db, "runs", { id: runId });
}

export async function getRun(db: Kysely<Database>, runId: string): Promise<RunRow> {
  const run = await findRun(db, runId);
  if (run) return run;
  throw new AppError("RUN_NOT_FOUND", {
    detail: `There is no run ${runId}.`,
    hint: "List the runs: deckhand runs",
  });
}

export async function listExecutions(
  db: Kysely<Database>,
  runId: string,
): Promise<readonly ExecutionRow[]> {
  const rows = await findRows(db, "executions", { run_id: runId });
  return rows.toSorted((one, other) => one.position - other.position);
}

/** Tells whether the execution has not ended yet; one that is not ours has. */
export async function isOpenExecution(db: Kysely<Database>, id: string): Promise<boolean> {
  const row = await findExecution(db, id);
  return row !== undefined && !isTerminal(row.state as ExecutionState);
}

export async function findExecution(
  db: Kysely<Database>,
  executionId: string,
): Promise<ExecutionRow | undefined> {
  return findRow(db, "executions", { id: executionId });
}

/** Every execution that is not in a final state, oldest first. */
export async function listOpenExecutions(db: Kysely<Database>): Promise<ExecutionRow[]> {
  return openExecutions(db).selectAll("executions").orderBy("executions.id").execute();
}

/** How many executions wait or run on each target, by its id. */
export async function countOpenExecutions(
  db: Kysely<Database>,
): Promise<ReadonlyMap<string, number>> {
  const rows = await openExecutions(db).select("target_id").execute();
  const counts = new Map<string, number>();
  for (const { target_id } of rows) counts.set(target_id, (counts.get(target_id) ?? 0) + 1);
  return counts;
}

/** Those of runs that have not ended: SQLite would go through all executions for any other words. */
function openExecutions(db: Kysely<Database>) {
  return db
    .selectFrom("runs")
    .innerJoin("executions", "executions.run_id", "runs.id")
    .where("runs.state", "in", OPEN_RUN_STATES)
    .where("executions.state", "not in", TERMINAL_EXECUTION_STATES);
}

const OPEN_RUN_STATES = ["queued", "running"];

/** Every run that has not ended, oldest first. */
export async function listOpenRuns(db: Kysely<Database>): Promise<RunRow[]> {
  return db
    .selectFrom("runs")
    .selectAll()
    .where("state", "in", OPEN_RUN_STATES)
    .orderBy("id")
    .execute();
}

/**
 * Moves an execution to its next state and its run along, in one transaction, which the end of the run is told in.
 * Refuses a step that the table of states does not allow with RUN_STATE_CONFLICT.
 */
export async function moveExecution(
  { db, runEnded }: RunWrites,
  executionId: string,
  change: ExecutionChange,
): Promise<MovedExecution> {
  return db.transaction().execute(async (transaction) => {
    const before = await findExecution(transaction, executionId);
    if (!before)
      throw new AppError("EXECUTION_NOT_FOUND", {
        detail: `There is no execution ${executionId}.`,
      });
    const from = before.state as ExecutionState;
    if (!canMove(from, change.state)) throw stateConflict(executionId, from, change.state);
    const retry = change.retry && (await retryUnlessCancelled(transaction, before, change));
    const changes = { ...toUpdate(before, change), ...(retry && { retried_by: retry.id }) };
    await updateRow(transaction, "executions", { id: executionId, changes });
    const short = change.output?.short;
    const owner = { runId: before.run_id, executionId };
    if (short) await insertShortOutput(transaction, owner, short);
    const execution = { ...before, ...changes } as ExecutionRow;
    const run = await moveRun(transaction, before.run_id, {
      from,
      to: retry ? "queued" : change.state,
      atMs: change.atMs,
    });
    if (run.finished_at !== null) await runEnded(transaction, run);
    return { execution, run, retry };
  });
}

async function retryUnlessCancelled(
  transaction: Transaction<Database>,
  before: ExecutionRow,
  { retry, atMs }: ExecutionChange,
): Promise<ExecutionRow | undefined> {
  const { cancel_reason_json } = await getRun(transaction, before.run_id);
  if (!retry || cancel_reason_json !== null) return undefined;
  return insertRetry(transaction, before, { ...retry, atMs });
}

/** Writes down another way for an execution that is starting: its first one was never used. */
export async function changeWay(
  db: Kysely<Database>,
  executionId: string,
  guarantees: Guarantees,
): Promise<void> {
  await db
    .updateTable("executions")
    .set({ guarantees_json: JSON.stringify(guarantees) })
    .where("id", "=", executionId)
    .where("state", "=", "starting")
    .execute();
}

function stateConflict(executionId: string, from: ExecutionState, to: ExecutionState): AppError {
  return new AppError("RUN_STATE_CONFLICT", {
    detail: `The execution ${executionId} is ${from} and can not become ${to}.`,
  });
}

function toUpdate(before: ExecutionRow, change: ExecutionChange): Updateable<ExecutionsTable> {
  return {
    state: change.state,
    reason_code: change.reason?.code ?? null,
    reason_detail: change.reason?.detail ?? null,
    ...toTimes(before, change),
    ...(change.exitCode !== undefined && { exit_code: change.exitCode }),
    ...(change.signal !== undefined && { signal: change.signal }),
    ...(change.guarantees && { guarantees_json: JSON.stringify(change.guarantees) }),
    ...(change.output && toOutputColumns(change.output)),
    ...(change.leftovers && { leftovers_json: JSON.stringify(change.leftovers) }),
    ...(change.usage && { usage_json: JSON.stringify(change.usage) }),
  };
}

function toTimes(
  before: ExecutionRow,
  { state, atMs, startedAtMs }: ExecutionChange,
): Updateable<ExecutionsTable> {
  if (state === "queued") return { starting_at: null };
  if (state === "starting") return { starting_at: atMs };
  if (state === "running") return { started_at: atMs };
  const startedAt = before.started_at ?? startedAtMs ?? null;
  return { started_at: startedAt, finished_at: Math.max(atMs, startedAt ?? before.queued_at) };
}

function toOutputColumns(
  output: NonNullable<ExecutionChange["output"]>,
): Updateable<ExecutionsTable> {
  return {
    stdout_bytes: output.stdoutBytes,
    stderr_bytes: output.stderrBytes,
    stored_bytes: output.storedBytes,
    truncated: Number(output.truncated),
    complete: Number(output.complete),
  };
}

interface RunStep {
  readonly from: ExecutionState;
  readonly to: ExecutionState;
  /** How many executions go it; one, unless it is said. */
  readonly count?: number;
  readonly atMs: number;
}

/** Moves a run along with executions of it. */
export async function moveRun(
  transaction: Transaction<Database>,
  runId: string,
  step: RunStep,
): Promise<RunRow> {
  const before = await getRun(transaction, runId);
  const counts = stepCounts(toCounts(before), step);
  const state = deriveRunState(counts);
  const changes = {
    counts_json: JSON.stringify(counts),
    state,
    started_at: before.started_at ?? (step.to === "starting" ? step.atMs : null),
    finished_at: before.finished_at ?? (isTerminal(state) ? step.atMs : null),
  };
  await updateRow(transaction, "runs", { id: runId, changes });
  return { ...before, ...changes };
}

/** How many of the run's executions are in each state. */
export function toCounts(run: RunRow): ExecutionCounts {
  return JSON.parse(run.counts_json) as ExecutionCounts;
}

function stepCounts(counts: ExecutionCounts, { from, to, count = 1 }: RunStep): ExecutionCounts {
  return { ...counts, [from]: counts[from] - count, [to]: counts[to] + count };
}
