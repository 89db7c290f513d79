import { type Kysely, sql } from "kysely";

/** What is kept under a name, of every kind: groups, schedules, triggers, channels. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table definitions (
    id text not null unique,
    kind text not null,
    name text not null,
    version integer not null,
    body_json text not null,
    created_at integer not null,
    updated_at integer not null,
    by_json text not null,
    primary key (kind, name)
  ) without rowid`.execute(db);
}
