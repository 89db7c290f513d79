import { type Kysely, sql } from "kysely";

/** What retention took, and what it has still to remove from the disk. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table executions add column output_expired_at integer`.execute(db);
  await sql`create table output_removals (run_id text primary key) without rowid`.execute(db);
  // Tells whether the last run that started a text is gone.
  await sql`create index runs_by_text on runs (json_extract(plan_json, '$.program.sha256'))`.execute(
    db,
  );
}
