import {
  AppError,
  type FirePage,
  type ListFiresQuery,
  type RunState,
  type ScheduleFire,
} from "@deckhand/core";
import { type Insertable, type Kysely, sql } from "kysely";
import type { Database } from "../database/database.ts";

export type NewFire = Insertable<Database["schedule_fires"]>;

export async function insertFire(db: Kysely<Database>, fire: NewFire): Promise<void> {
  await db.insertInto("schedule_fires").values(fire).execute();
}

/** Tells whether something became of this time already. */
export async function isDecided(
  db: Kysely<Database>,
  scheduleId: string,
  dueMs: number,
): Promise<boolean> {
  const row = await db
    .selectFrom("schedule_fires")
    .select("id")
    .where("schedule_id", "=", scheduleId)
    .where("due_at", "=", dueMs)
    .where(sql<boolean>`cause <> 'request'`)
    .executeTakeFirst();
  return row !== undefined;
}

export async function findLastFire(
  db: Kysely<Database>,
  scheduleId: string,
): Promise<ScheduleFire | undefined> {
  const [last] = await selectFires(db, scheduleId).limit(1).execute();
  return last && toFire(last);
}

/** The newest first, in the order in which they were decided. */
export async function listFires(
  db: Kysely<Database>,
  scheduleId: string,
  { limit, after, result }: ListFiresQuery,
): Promise<FirePage> {
  let select = selectFires(db, scheduleId);
  if (after !== undefined) select = select.where("schedule_fires.id", "<", toFireId(after));
  if (result) select = select.where("schedule_fires.result", "=", result);
  const rows = await select.limit(limit + 1).execute();
  const page = rows.slice(0, limit);
  const next = rows.length > limit ? String(page.at(-1)?.id) : null;
  return { data: page.map(toFire), next };
}

function selectFires(db: Kysely<Database>, scheduleId: string) {
  return db
    .selectFrom("schedule_fires")
    .leftJoin("runs", "runs.id", "schedule_fires.run_id")
    .selectAll("schedule_fires")
    .select("runs.state as run_state")
    .where("schedule_id", "=", scheduleId)
    .orderBy("schedule_fires.id", "desc");
}

type FireRow = Awaited<ReturnType<ReturnType<typeof selectFires>["execute"]>>[number];

function toFireId(cursor: string): number {
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw new AppError("CURSOR_INVALID", {
    detail: `${JSON.stringify(cursor.slice(0, 100))} is no cursor of this list.`,
    hint: "Give `next` of the page before, or nothing for the first page.",
  });
}

function toFire(row: FireRow): ScheduleFire {
  const { run_id: runId, run_state: runState, missed_count: count, missed_since: since } = row;
  return {
    dueAt: toTime(row.due_at),
    decidedAt: toTime(row.decided_at),
    cause: row.cause,
    result: row.result,
    run: runId && runState ? { id: runId, state: runState as RunState } : null,
    code: row.code,
    detail: row.detail,
    missed: count !== null && since !== null ? { count, since: toTime(since) } : null,
  };
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Keeps the newest of each schedule; goes by the index from one to the next, as everything else waits for it. */
export async function pruneFires(db: Kysely<Database>, kept: number): Promise<void> {
  await sql`delete from schedule_fires where id in (
    with recursive schedules (id) as (
      select min(schedule_id) from schedule_fires
      union all
      select (select min(schedule_id) from schedule_fires where schedule_id > schedules.id)
        from schedules where id is not null
    )
    select fires.id from schedules join schedule_fires as fires on fires.schedule_id = schedules.id
      and fires.id <= (
        select id from schedule_fires where schedule_id = schedules.id order by id desc limit 1 offset ${kept}
      )
  )`.execute(db);
}
