import type { ListRunsQuery } from "@deckhand/core";
import { AppError, lowestIdAt, parseDurationMs } from "@deckhand/core";
import type { ExpressionBuilder, Kysely, ReferenceExpression, SelectQueryBuilder } from "kysely";
import type { Database } from "../database/database.ts";
import type { RunRow } from "./run-store.ts";

type RunQuery = SelectQueryBuilder<Database, "runs", RunRow>;

export interface RunRows {
  readonly rows: readonly RunRow[];
  /** The id to go on after, when there are more. */
  readonly next: string | undefined;
}

/** So many runs of a target are looked at in one step. */
const STEP = 200;

/** Lists runs, newest first; ids sort by time, so the page's cursor and the times are bounds of the id. */
export async function listRuns(
  db: Kysely<Database>,
  query: ListRunsQuery,
  nowMs: number,
): Promise<RunRows> {
  const bounds = toBounds(query, nowMs);
  const wanted = query.limit + 1;
  const rows = query.target
    ? await readOfTarget(db, query, { bounds, wanted, target: query.target })
    : await newestFirst(
        filtered(db, query).where((where) => inBounds(where, "runs.id", bounds)),
        wanted,
      );
  const page = rows.slice(0, query.limit);
  return { rows: page, next: rows.length > page.length ? page.at(-1)?.id : undefined };
}

/** Ids from `from` on and below `below`. */
interface Bounds {
  readonly from: string;
  readonly below: string;
}

function toBounds(query: ListRunsQuery, nowMs: number): Bounds {
  const below = query.until ? lowestIdAt("run", toTimeMs(query.until, nowMs)) : "run_~";
  const after = query.after ? toRunId(query.after) : below;
  return {
    from: query.since ? lowestIdAt("run", toTimeMs(query.since, nowMs)) : "run_",
    below: after < below ? after : below,
  };
}

function inBounds<Table extends keyof Database>(
  { eb, and }: ExpressionBuilder<Database, Table>,
  id: ReferenceExpression<Database, Table>,
  { from, below }: Bounds,
) {
  return and([eb(id, ">=", from as never), eb(id, "<", below as never)]);
}

function filtered(db: Kysely<Database>, query: ListRunsQuery): RunQuery {
  let select: RunQuery = db.selectFrom("runs").selectAll("runs");
  if (query.state) select = select.where("runs.state", "in", query.state);
  if (query.script) select = select.where("runs.script_name", "=", query.script);
  return query.origin ? ofOrigin(select, query.origin) : select;
}

/** `schedule`, `schedule/sch_01k…` or `schedule/nightly`. */
function ofOrigin(select: RunQuery, origin: string): RunQuery {
  const [, kind = origin, which] = /^([a-z]+)\/(.+)$/s.exec(origin) ?? [];
  if (kind === "request") return select.where("runs.origin_kind", "is", null);
  const ofKind = select.where("runs.origin_kind", "=", kind);
  if (which === undefined) return ofKind;
  const column = /^[a-z]{3}_[0-9a-z]{26}$/.test(which) ? "runs.origin_id" : "runs.origin_name";
  return ofKind.where(column, "=", which);
}

function newestFirst(select: RunQuery, limit: number): Promise<RunRow[]> {
  return select.orderBy("runs.id", "desc").limit(limit).execute();
}

interface OfTarget {
  readonly bounds: Bounds;
  readonly wanted: number;
  readonly target: string;
}

/** Walks the target's own index from the newest on, so that the length of its history does not matter. */
async function readOfTarget(
  db: Kysely<Database>,
  query: ListRunsQuery,
  { bounds, wanted, target }: OfTarget,
): Promise<RunRow[]> {
  const rows: RunRow[] = [];
  for (let below = bounds.below; rows.length < wanted; ) {
    const ids = await listIdsOfTarget(db, target, { from: bounds.from, below });
    const last = ids.at(-1);
    if (last === undefined) break;
    rows.push(...(await newestFirst(filtered(db, query).where("runs.id", "in", ids), STEP)));
    below = last;
  }
  return rows;
}

async function listIdsOfTarget(
  db: Kysely<Database>,
  target: string,
  bounds: Bounds,
): Promise<string[]> {
  const column = target.startsWith("tgt_") ? "target_id" : "target_name";
  const rows = await db
    .selectFrom("executions")
    .select("run_id")
    .distinct()
    .where(column, "=", target)
    .where((where) => inBounds(where, "run_id", bounds))
    .orderBy("run_id", "desc")
    .limit(STEP)
    .execute();
  return rows.map((row) => row.run_id);
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
