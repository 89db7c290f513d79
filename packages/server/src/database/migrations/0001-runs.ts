import { TERMINAL_EXECUTION_STATES } from "@deckhand/core";
import { type Kysely, sql } from "kysely";

const FINAL = TERMINAL_EXECUTION_STATES.map((state) => `'${state}'`).join(", ");

/** Runs, executions and what they were made from. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createRuns(db);
  await createExecutions(db);
  await createInputs(db);
}

async function createRuns(db: Kysely<unknown>): Promise<void> {
  await sql`create table runs (
    id text primary key,
    kind text not null,
    title text not null,
    state text not null,
    counts_json text not null,
    script_name text,
    script_version integer,
    script_sha256 text,
    plan_json text not null,
    request_json text not null,
    token_id text,
    token_name text,
    rerun_of text,
    created_at integer not null,
    started_at integer,
    finished_at integer
  ) without rowid`.execute(db);
  await sql`create index runs_by_state on runs (state, id)`.execute(db);
  await sql`create index runs_by_script on runs (script_name, id) where script_name is not null`.execute(
    db,
  );
}

async function createExecutions(db: Kysely<unknown>): Promise<void> {
  await sql`create table executions (
    id text primary key,
    run_id text not null references runs (id),
    position integer not null,
    target_id text not null,
    target_name text not null,
    engine text not null,
    container_id text not null,
    container_started_at text,
    image text not null,
    state text not null,
    reason_code text,
    reason_detail text,
    exit_code integer,
    signal text,
    guarantees_json text,
    queued_at integer not null,
    starting_at integer,
    started_at integer,
    finished_at integer,
    stdout_bytes integer not null default 0,
    stderr_bytes integer not null default 0,
    stored_bytes integer not null default 0,
    truncated integer not null default 0,
    complete integer not null default 1,
    leftovers_json text not null default '[]'
  ) without rowid`.execute(db);
  await sql`create unique index executions_by_run on executions (run_id, position)`.execute(db);
  await sql`create index executions_by_target_id on executions (target_id, run_id)`.execute(db);
  await sql`create index executions_by_target_name on executions (target_name, run_id)`.execute(db);
  await sql
    .raw(`create index executions_open on executions (id) where state not in (${FINAL})`)
    .execute(db);
  await sql
    .raw(`create trigger executions_final before update on executions
      when old.state in (${FINAL}) and new.state <> old.state
      begin select raise(abort, 'an execution in a final state never changes'); end`)
    .execute(db);
}

async function createInputs(db: Kysely<unknown>): Promise<void> {
  await sql`create table script_texts (sha256 text primary key, text text not null) without rowid`.execute(
    db,
  );
  await sql`create table run_inputs (run_id text primary key, stdin blob not null)`.execute(db);
  await sql`create table idempotency_keys (
    token_id text not null,
    key text not null,
    request_sha256 text not null,
    run_id text not null,
    created_at integer not null,
    primary key (token_id, key)
  ) without rowid`.execute(db);
  await sql`create index idempotency_keys_by_age on idempotency_keys (created_at)`.execute(db);
}
