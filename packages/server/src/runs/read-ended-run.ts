import { FAILURES, type RunFacts, type RunState } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { toLastAttempts } from "./last-attempts.ts";
import { type ExecutionRow, listExecutions, type RunRow, toCounts } from "./run-store.ts";
import { toRunSummary } from "./run-view.ts";

/** A run that ended, as others are told of it. */
export interface EndedRunRow extends Omit<RunFacts, "failedTargets" | "url"> {
  /** One a target: its last attempt. */
  readonly executions: readonly EndedExecution[];
}

export interface EndedExecution {
  readonly targetId: string;
  readonly targetName: string;
  readonly state: string;
}

/** Reads what is told of a run's end, and how the run of its kind before it ended. */
export async function readEndedRun(db: Kysely<Database>, run: RunRow): Promise<EndedRunRow> {
  const { id, title, state, script, origin, by, reason, createdAt, startedAt, finishedAt } =
    toRunSummary(run, null);
  return {
    ...{ id, title, state, origin, reason, createdAt, startedAt },
    stateBefore: state === "succeeded" ? await findStateBefore(db, run) : undefined,
    script: script && { name: script.name, version: script.version },
    by: by?.name ?? null,
    counts: toCounts(run),
    finishedAt: finishedAt ?? createdAt,
    executions: toLastAttempts(await listExecutions(db, id)).map(toEndedExecution),
  };
}

function toEndedExecution({ target_id, target_name, state }: ExecutionRow): EndedExecution {
  return { targetId: target_id, targetName: target_name, state };
}

/**
 * How the last run of the same schedule or trigger, else of the same script, ended before this one. What was cancelled or
 * skipped says nothing about whether the script works.
 */
async function findStateBefore(db: Kysely<Database>, run: RunRow): Promise<RunState | undefined> {
  const subject = toSubject(run);
  if (!subject) return undefined;
  const before = await db
    .selectFrom("runs")
    .select("state")
    .where(subject.column, "=", subject.value)
    .where("id", "<", run.id)
    .where("state", "in", [...FAILURES, "succeeded"])
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  return before?.state as RunState | undefined;
}

const HOLDERS: readonly (string | null)[] = ["schedule", "trigger"];

function toSubject({ origin_kind, origin_id, script_name }: RunRow) {
  if (origin_id !== null && HOLDERS.includes(origin_kind))
    return { column: "origin_id", value: origin_id } as const;
  return script_name === null
    ? undefined
    : ({ column: "script_name", value: script_name } as const);
}
