import {
  AppError,
  isTerminal,
  type RerunRequest,
  type RunRequest,
  type RunState,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { type KeptRequest, readPlan } from "./run-plan.ts";
import { findStdin } from "./run-inputs.ts";
import { type ExecutionRow, getRun, listExecutions, type RunRow } from "./run-store.ts";

export interface Rerun {
  readonly request: RunRequest;
  /** Of the values that are given anew, those that take the place of secrets. */
  readonly secretParams: readonly string[];
}

/** Makes a run again; only `failed` takes the targets where it did not succeed. */
export async function toRerun(
  db: Kysely<Database>,
  runId: string,
  asked: RerunRequest,
): Promise<Rerun> {
  const run = await getRun(db, runId);
  const { secretNames } = readPlan(run.plan_json);
  return {
    request: await toRequest(db, run, asked),
    secretParams: secretNames.filter((name) => Object.hasOwn(asked.params, name)),
  };
}

async function toRequest(
  db: Kysely<Database>,
  run: RunRow,
  { only, params, secrets }: RerunRequest,
): Promise<RunRequest> {
  const { id: runId } = run;
  const kept = JSON.parse(run.request_json) as KeptRequest;
  const stdin = await findStdin(db, runId);
  const request: RunRequest = {
    ...kept,
    params: { ...without(kept.params, secrets), ...params },
    secrets: { ...without(kept.secrets ?? {}, params), ...secrets },
    ...(stdin && { stdin: toInput(stdin) }),
  };
  if (only === "all") return request;
  if (!isTerminal(run.state as RunState)) throw stillRuns(runId);
  const failed = (await listExecutions(db, runId)).filter(
    (execution) => execution.state !== "succeeded" && execution.retried_by === null,
  );
  if (failed.length === 0) throw nothingFailed(runId);
  const { onePerService: _one, pick: _pick, ...rest } = request;
  return { ...rest, on: failed.map(toSelector), except: [] };
}

/** A value takes the place of a stored secret, and the other way round. */
function without<Value>(kept: Readonly<Record<string, Value>>, given: object) {
  return Object.fromEntries(Object.entries(kept).filter(([name]) => !Object.hasOwn(given, name)));
}

/** The name on the engine, not the container's id: a redeployed container is meant as well. */
function toSelector({ target_name, engine }: ExecutionRow): string {
  return `name="${target_name}",engine="${engine}"`;
}

function toInput(stdin: Uint8Array): { readonly base64: string } {
  return { base64: Buffer.from(stdin).toString("base64") };
}

function stillRuns(runId: string): AppError {
  return new AppError("RUN_STATE_CONFLICT", {
    detail: `The run ${runId} still goes on; which of its targets fail is not known yet.`,
    hint: `Wait for it: deckhand wait ${runId}`,
  });
}

function nothingFailed(runId: string): AppError {
  return new AppError("RUN_STATE_CONFLICT", {
    detail: `Every execution of ${runId} succeeded; nothing is left to run again.`,
  });
}
