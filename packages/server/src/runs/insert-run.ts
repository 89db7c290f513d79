import {
  batchOf,
  countStates,
  deriveRunState,
  firstProgress,
  type Guarantees,
  isTerminal,
  type RunOrigin,
} from "@deckhand/core";
import type { Insertable, Transaction } from "kysely";
import type { Database, RunsTable } from "../database/database.ts";
import { insertRow } from "../database/rows.ts";
import { claimKey, type KeyClaim } from "./concurrency/claim-key.ts";
import { type EarlierRun, findEarlierRun } from "./idempotency-store.ts";
import { insertInputs } from "./run-inputs.ts";
import type { KeptRequest, PlannedTarget, RunPlan } from "./run-plan.ts";
import { type ExecutionRow, getRun } from "./run-store.ts";
import { NEW_ROLLOUT } from "./rollout/rollout-record.ts";
import type { RunWrites } from "./run-writes.ts";

export interface NewRun {
  readonly id: string;
  readonly plan: RunPlan;
  readonly request: KeptRequest;
  readonly scriptText: string | undefined;
  readonly stdin: Uint8Array | undefined;
  readonly by: { readonly tokenId: string; readonly name: string } | undefined;
  readonly origin: RunOrigin;
  readonly createdAtMs: number;
  readonly executions: readonly NewExecution[];
  readonly idempotency: IdempotencyKey | undefined;
}

export interface IdempotencyKey {
  readonly key: string;
  readonly requestSha256: string;
  /** An older use of the key is forgotten. */
  readonly notBeforeMs: number;
}

export interface NewExecution {
  readonly id: string;
  readonly target: PlannedTarget;
  /** What holds for it when it starts at once; without it, it waits. */
  readonly startsWith?: Guarantees | undefined;
}

/** Work that must be in the same transaction as the run it belongs to. */
export type WithinTransaction = (
  transaction: Transaction<Database>,
  run: { readonly isOpen: boolean },
) => Promise<void>;

export type InsertedRun =
  | {
      readonly kind: "inserted";
      readonly isOpen: boolean;
      readonly claim: KeyClaim | undefined;
      readonly executions: readonly ExecutionRow[];
    }
  | { readonly kind: "earlier"; readonly run: EarlierRun };

/**
 * Inserts the run, its executions, its inputs and its keys, all or nothing. Gives the earlier run when the idempotency
 * key was used before; then nothing is inserted.
 */
export async function insertRun(
  { db, runEnded }: RunWrites,
  run: NewRun,
  also: WithinTransaction,
): Promise<InsertedRun> {
  return db.transaction().execute(async (transaction) => {
    const earlier = await findOrKeepKey(transaction, run);
    if (earlier) return { kind: "earlier", run: earlier };
    await insertInputs(transaction, run);
    const { concurrency } = run.plan;
    const claim = concurrency && (await claimKey(transaction, concurrency));
    const row = toRunRow(run, claim);
    await insertRow(transaction, "runs", row);
    const executions = run.executions.map((execution, position) =>
      toExecutionRow(run, { ...execution, position, held: toHeld(run.plan, claim, position) }),
    );
    for (const execution of executions) await insertRow(transaction, "executions", execution);
    const isOpen = row.finished_at === null;
    await also(transaction, { isOpen });
    if (!isOpen) await runEnded(transaction, await getRun(transaction, run.id));
    return { kind: "inserted", isOpen, claim, executions };
  });
}

async function findOrKeepKey(
  transaction: Transaction<Database>,
  run: NewRun,
): Promise<EarlierRun | undefined> {
  if (!run.idempotency) return undefined;
  const { key, requestSha256, notBeforeMs } = run.idempotency;
  const tokenId = run.by?.tokenId ?? "";
  const earlier = await findEarlierRun(transaction, { tokenId, key, notBeforeMs });
  if (earlier) return earlier;
  await transaction
    .replaceInto("idempotency_keys")
    .values({
      token_id: tokenId,
      key,
      request_sha256: requestSha256,
      run_id: run.id,
      created_at: run.createdAtMs,
    })
    .execute();
  return undefined;
}

function toRunRow(run: NewRun, claim: KeyClaim | undefined) {
  const firstState = (execution: NewExecution) =>
    execution.startsWith ? "starting" : (claim?.held?.state ?? "queued");
  const counts = countStates(run.executions.map(firstState));
  const state = deriveRunState(counts);
  return {
    id: run.id,
    kind: run.plan.kind,
    title: run.plan.title,
    state,
    counts_json: JSON.stringify(counts),
    script_name: run.plan.script?.name ?? null,
    script_version: run.plan.script?.version ?? null,
    script_sha256: run.plan.script?.sha256 ?? null,
    plan_json: JSON.stringify(run.plan),
    request_json: JSON.stringify(run.request),
    token_id: run.by?.tokenId ?? null,
    token_name: run.by?.name ?? null,
    ...toOriginColumns(run.origin),
    created_at: run.createdAtMs,
    started_at: counts.starting > 0 ? run.createdAtMs : null,
    finished_at: isTerminal(state) ? run.createdAtMs : null,
    concurrency_key: run.plan.concurrency?.key ?? null,
    concurrency_ticket: claim?.ticket ?? null,
    rollout_json: run.plan.rollout ? JSON.stringify(NEW_ROLLOUT) : null,
  };
}

function toOriginColumns({ kind, id, name }: RunOrigin): Partial<Insertable<RunsTable>> {
  return {
    rerun_of: kind === "rerun" ? id : null,
    origin_kind: kind === "request" ? null : kind,
    origin_id: id,
    origin_name: name,
  };
}

const FREE = {
  state: "queued",
  reason: { code: "waiting-for-slot", detail: "Waits for a free place." },
} as const satisfies KeyClaim["held"];

function toHeld(
  { rollout }: RunPlan,
  claim: KeyClaim | undefined,
  position: number,
): NonNullable<KeyClaim["held"]> {
  if (claim?.held) return claim.held;
  if (!rollout || (position < firstProgress(rollout).waiting && position < rollout.maxConcurrency))
    return FREE;
  const detail = `Waits for its turn in the rollout, in batch ${batchOf(rollout.batches, position) + 1} of ${rollout.batches.length}.`;
  return { state: "queued", reason: { code: "waiting-for-rollout", detail } };
}

/** What an execution's row says before anything of it has run. */
const NOTHING_YET = {
  stdout_bytes: 0,
  stderr_bytes: 0,
  stored_bytes: 0,
  truncated: 0,
  complete: 1,
  leftovers_json: "[]",
  usage_json: null,
  output_expired_at: null,
  attempt: 1,
  retry_of: null,
  retried_by: null,
  not_before: null,
} as const;

interface PlacedExecution extends NewExecution {
  readonly position: number;
  readonly held: NonNullable<KeyClaim["held"]>;
}

function toExecutionRow(
  run: NewRun,
  { id, target, position, held, startsWith }: PlacedExecution,
): ExecutionRow {
  return {
    id,
    run_id: run.id,
    position,
    target_id: target.id,
    target_name: target.name,
    engine: target.engine,
    container_id: target.containerId,
    container_started_at: target.containerStartedAt ?? null,
    image: target.image,
    state: startsWith ? "starting" : held.state,
    reason_code: startsWith ? null : held.reason.code,
    reason_detail: startsWith ? null : held.reason.detail,
    exit_code: null,
    signal: null,
    guarantees_json: startsWith ? JSON.stringify(startsWith) : null,
    queued_at: run.createdAtMs,
    starting_at: startsWith ? run.createdAtMs : null,
    started_at: null,
    finished_at: held.state === "skipped" ? run.createdAtMs : null,
    ...NOTHING_YET,
  };
}
