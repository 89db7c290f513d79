import { type Kysely, sql } from "kysely";

/** Sealed secrets: those of runs that have not ended, and those that are kept by name. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table run_secrets (run_id text primary key, sealed text not null) without rowid`.execute(
    db,
  );
  await sql`create trigger run_secrets_end after update of finished_at on runs
    when new.finished_at is not null
    begin delete from run_secrets where run_id = new.id; end`.execute(db);
  await sql`create table secrets (
    name text primary key,
    sealed text not null,
    created_at integer not null,
    updated_at integer not null,
    updated_by text
  ) without rowid`.execute(db);
}
