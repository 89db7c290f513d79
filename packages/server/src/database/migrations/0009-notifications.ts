import { type Kysely, sql } from "kysely";

/** What is owed to receivers, and how telling them went. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table deliveries (
    id text primary key,
    notification_id text not null,
    notification_name text not null,
    event text not null,
    run_id text,
    body_json text not null,
    state text not null,
    attempts integer not null default 0,
    created_at integer not null,
    next_attempt_at integer,
    last_attempt_at integer,
    last_status integer,
    last_answer text
  ) without rowid`.execute(db);
  await sql`create index deliveries_owed on deliveries (notification_id, next_attempt_at) where state = 'owed'`.execute(
    db,
  );
  await sql`create index deliveries_by_notification on deliveries (notification_id, id)`.execute(
    db,
  );
  await sql`create index deliveries_by_age on deliveries (created_at) where state <> 'owed'`.execute(
    db,
  );
}
