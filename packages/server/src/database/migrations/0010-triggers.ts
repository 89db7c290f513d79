import { type Kysely, sql } from "kysely";

/** Which messages have started which runs, so that none does so twice. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table trigger_fires (
    trigger_id text not null,
    message_id text not null,
    run_id text not null,
    at integer not null,
    primary key (trigger_id, message_id)
  ) without rowid`.execute(db);
  await sql`create index trigger_fires_by_age on trigger_fires (at)`.execute(db);
}
