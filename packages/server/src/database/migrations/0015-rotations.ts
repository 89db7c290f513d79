import { type Kysely, sql } from "kysely";

/** Where each rotation over the targets of a selector stands. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table rotations (
    key text primary key,
    last_place text not null,
    used_at integer not null
  ) without rowid`.execute(db);
  await sql`create index rotations_by_age on rotations (used_at)`.execute(db);
}
