import { type Kysely, sql } from "kysely";

/** Tokens and the audit table. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table tokens (
    id text primary key,
    name text not null,
    secret_hash text not null,
    created_at integer not null,
    expires_at integer,
    last_used_at integer
  ) without rowid`.execute(db);
  await sql`create table audit (
    id integer primary key autoincrement,
    at integer not null,
    token_id text,
    token_name text not null,
    action text not null,
    object text,
    address text,
    outcome text not null,
    request_id text,
    detail_json text not null default '{}'
  )`.execute(db);
  await sql`create index audit_by_action on audit (action, id)`.execute(db);
  await sql`create index audit_by_object on audit (object, id) where object is not null`.execute(
    db,
  );
}
