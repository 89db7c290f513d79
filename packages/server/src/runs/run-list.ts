import type { ListRunsQuery } from "@deckhand/core";
import { AppError, lowestIdAt, parseDurationMs } from "@deckhand/core";
import type { Kysely, SelectQueryBuilder } from "kysely";
import type { Database } from "../database/database.ts";
import type { RunRow } from "./run-store.ts";

type RunQuery = SelectQueryBuilder<Database, "runs", RunRow>;

export interface RunRows {
  readonly rows: readonly RunRow[];
  /** The id to go on after, when there are more. */
  readonly next: string | undefined;
}

/** Lists runs, newest first; ids sort by time, so the page's cursor and the times are bounds of the id. */
export async function listRuns(
  db: Kysely<Database>,
  query: ListRunsQuery,
  nowMs: number,
): Promise<RunRows> {
  const rows = await filtered(db, query, nowMs)
    .orderBy("runs.id", "desc")
    .limit(query.limit + 1)
    .execute();
  const page = rows.slice(0, query.limit);
  return { rows: page, next: rows.length > page.length ? page.at(-1)?.id : undefined };
}

function filtered(db: Kysely<Database>, query: ListRunsQuery, nowMs: number): RunQuery {
  let select: RunQuery = db.selectFrom("runs").selectAll("runs");
  if (query.after) select = select.where("runs.id", "<", toRunId(query.after));
  if (query.since)
    select = select.where("runs.id", ">=", lowestIdAt("run", toTimeMs(query.since, nowMs)));
  if (query.until)
    select = select.where("runs.id", "<", lowestIdAt("run", toTimeMs(query.until, nowMs)));
  if (query.state) select = select.where("runs.state", "in", query.state);
  if (query.script) select = select.where("runs.script_name", "=", query.script);
  if (query.target) select = ofTarget(select, query.target);
  return select;
}

function ofTarget(select: RunQuery, target: string): RunQuery {
  const column = target.startsWith("tgt_") ? "target_id" : "target_name";
  return select.where("runs.id", "in", (inner) =>
    inner.selectFrom("executions").select("run_id").where(`executions.${column}`, "=", target),
  );
}

function toRunId(cursor: string): string {
  if (/^run_[0-9a-z]{26}$/.test(cursor)) return cursor;
  throw new AppError("CURSOR_INVALID", {
    detail: "The value of `after` is not one that a list gave as `next`.",
    hint: "Leave `after` out to begin at the newest run.",
  });
}

/** `24h` is a span back from now; anything else was checked to be a time. */
function toTimeMs(text: string, nowMs: number): number {
  return /^\d{4}-/.test(text) ? Date.parse(text) : nowMs - parseDurationMs(text);
}
