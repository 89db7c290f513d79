import { type Kysely, sql } from "kysely";

/** Up to when each schedule is decided, and what became of each of its times. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table schedule_states (
    schedule_id text primary key,
    decided_at integer not null,
    timing text not null,
    pause_json text
  ) without rowid`.execute(db);
  await sql`create table schedule_fires (
    id integer primary key autoincrement,
    schedule_id text not null,
    due_at integer not null,
    decided_at integer not null,
    cause text not null,
    result text not null,
    run_id text,
    code text,
    detail text,
    missed_count integer,
    missed_since integer
  )`.execute(db);
  await sql`create index schedule_fires_by_schedule on schedule_fires (schedule_id, id)`.execute(
    db,
  );
  // What makes a time start once, whatever the clocks and the processes do.
  await sql`create unique index schedule_fires_once on schedule_fires (schedule_id, due_at)
    where cause <> 'request'`.execute(db);
}
