import { type Kysely, sql } from "kysely";

/** What holds executions back: rollouts, retries, and keys that one run has at a time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await changeRuns(db);
  await changeExecutions(db);
  await createGates(db);
}

async function changeRuns(db: Kysely<unknown>): Promise<void> {
  await sql`alter table runs add column concurrency_key text`.execute(db);
  await sql`alter table runs add column concurrency_ticket integer`.execute(db);
  await sql`alter table runs add column cancel_reason_json text`.execute(db);
  await sql`alter table runs add column rollout_json text`.execute(db);
  await sql`create index runs_open_by_key on runs (concurrency_key, concurrency_ticket)
    where concurrency_key is not null and finished_at is null`.execute(db);
}

async function changeExecutions(db: Kysely<unknown>): Promise<void> {
  await sql`alter table executions add column attempt integer not null default 1`.execute(db);
  await sql`alter table executions add column retry_of text`.execute(db);
  await sql`alter table executions add column retried_by text`.execute(db);
  await sql`alter table executions add column not_before integer`.execute(db);
}

async function createGates(db: Kysely<unknown>): Promise<void> {
  await sql`create table rollout_gates (
    run_id text not null references runs (id),
    batch integer not null,
    state text not null,
    detail text not null,
    started_at integer not null,
    finished_at integer,
    primary key (run_id, batch)
  ) without rowid`.execute(db);
}
