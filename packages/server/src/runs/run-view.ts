import type {
  Execution,
  ExecutionState,
  Guarantees,
  OutcomeReasonCode,
  Run,
  RunOrigin,
  RunState,
  RunSummary,
} from "@deckhand/core";
import type { Leftover, Usage } from "../sessions/session.ts";
import type { GateRow } from "./rollout/gate-store.ts";
import { toRolloutProgress, toRolloutView } from "./rollout/rollout-view.ts";
import { readPlan, toInterpreterView, toLimitsView, toSqlView } from "./run-plan.ts";
import { toLastAttempts } from "./last-attempts.ts";
import { type ExecutionRow, type RunRow, toCounts } from "./run-store.ts";

/** Shows a run as lists do. */
export function toRunSummary(row: RunRow, exitCode: number | null): RunSummary {
  const counts = toCounts(row);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return {
    id: row.id,
    kind: row.kind,
    title: row.title,
    state: row.state as RunState,
    counts: { total, ...counts },
    script: toScriptRef(row),
    ...toRequestParts(row),
    by: row.token_id ? { tokenId: row.token_id, name: row.token_name ?? "" } : null,
    origin: toOrigin(row),
    rerunOf: row.rerun_of,
    rollout: toRolloutProgress(row),
    createdAt: toTime(row.created_at),
    startedAt: toTimeOrNull(row.started_at),
    finishedAt: toTimeOrNull(row.finished_at),
    durationMs: row.finished_at === null ? null : row.finished_at - row.created_at,
    exitCode,
    urls: toUrls(row.id),
  };
}

/** Shows a run with its plan and its executions. */
export function toRun(
  row: RunRow,
  executions: readonly ExecutionRow[],
  gates: readonly GateRow[],
): Run {
  const plan = readPlan(row.plan_json);
  const [only, ...others] = toLastAttempts(executions);
  return {
    ...toRunSummary(row, others.length === 0 ? (only?.exit_code ?? null) : null),
    interpreter: toInterpreterView(plan.program),
    argv: plan.program.kind === "argv" ? [...plan.program.argv] : null,
    params: { ...plan.shownParams },
    args: [...plan.args],
    env: Object.keys(plan.env),
    user: plan.user,
    workdir: plan.workdir,
    limits: toLimitsView(plan),
    survivors: plan.survivors,
    effect: plan.effect,
    concurrency: plan.concurrency ?? null,
    retry: plan.retry ?? null,
    sql: toSqlView(plan.program),
    pick: plan.pick ?? null,
    rollout: toRolloutView(row, plan, gates),
    executions: executions.map(toExecution),
  };
}

/** Shows one execution; its output's text is added by whoever was asked for it. */
export function toExecution(row: ExecutionRow): Execution {
  return {
    id: row.id,
    runId: row.run_id,
    target: {
      id: row.target_id,
      name: row.target_name,
      engine: row.engine,
      containerId: row.container_id,
      image: row.image,
    },
    attempt: row.attempt,
    retryOf: row.retry_of,
    retriedBy: row.retried_by,
    state: row.state as ExecutionState,
    reason: row.reason_code
      ? { code: row.reason_code as OutcomeReasonCode, detail: row.reason_detail ?? "" }
      : null,
    exitCode: row.exit_code,
    signal: row.signal,
    guarantees: row.guarantees_json ? (JSON.parse(row.guarantees_json) as Guarantees) : null,
    ...toExecutionTimes(row),
    output: {
      stdoutBytes: row.stdout_bytes,
      stderrBytes: row.stderr_bytes,
      storedBytes: row.stored_bytes,
      truncated: row.truncated === 1,
      complete: row.complete === 1,
      expired: row.output_expired_at !== null,
    },
    usage: row.usage_json === null ? null : (JSON.parse(row.usage_json) as Usage),
    leftovers: JSON.parse(row.leftovers_json) as Leftover[],
  };
}

function toExecutionTimes(row: ExecutionRow) {
  const began = row.started_at ?? row.finished_at;
  return {
    queuedAt: toTime(row.queued_at),
    startedAt: toTimeOrNull(row.started_at),
    finishedAt: toTimeOrNull(row.finished_at),
    queuedMs: row.starting_at === null ? null : row.starting_at - row.queued_at,
    startMs: row.starting_at === null || began === null ? null : began - row.starting_at,
    durationMs:
      row.started_at === null || row.finished_at === null ? null : row.finished_at - row.started_at,
  };
}

function toOrigin({ origin_kind: kind, origin_id: id, origin_name: name }: RunRow): RunOrigin {
  return { kind: (kind ?? "request") as RunOrigin["kind"], id, name };
}

function toScriptRef(row: RunRow): RunSummary["script"] {
  if (row.script_name === null || row.script_version === null || row.script_sha256 === null)
    return null;
  return { name: row.script_name, version: row.script_version, sha256: row.script_sha256 };
}

function toRequestParts(row: RunRow): Pick<RunSummary, "on" | "except" | "reason"> {
  const request = JSON.parse(row.request_json) as {
    on: string[];
    except: string[];
    reason?: string;
  };
  return { on: request.on, except: request.except, reason: request.reason ?? null };
}

function toUrls(runId: string): RunSummary["urls"] {
  const self = `/api/v1/runs/${runId}`;
  return { self, output: `${self}/output`, events: `${self}/events` };
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

function toTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : toTime(ms);
}
