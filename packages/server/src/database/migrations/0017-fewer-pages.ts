import { TERMINAL_EXECUTION_STATES } from "@deckhand/core";
import { type Kysely, sql } from "kysely";

const FINAL = TERMINAL_EXECUTION_STATES.map((state) => `'${state}'`).join(", ");

/**
 * Each run writes fewer pages: open executions are found by their runs, which are open as well, and what waits for the search index is
 * numbered without a table of its own for the highest number.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`drop index executions_open`.execute(db);
  await sql`alter table search_queue rename to search_queue_before`.execute(db);
  await sql`create table search_queue (seq integer primary key, execution_id text not null)`.execute(
    db,
  );
  await sql`insert into search_queue select seq, execution_id from search_queue_before`.execute(db);
  for (const name of ["ended", "expired", "deleted"])
    await sql.raw(`drop trigger search_${name}`).execute(db);
  await sql`drop table search_queue_before`.execute(db);
  await createTriggers(db);
}

async function createTriggers(db: Kysely<unknown>): Promise<void> {
  const ended = `update of state on executions when new.state in (${FINAL}) and old.state not in (${FINAL})`;
  const expired =
    "update of output_expired_at on executions when new.output_expired_at is not null";
  await createTrigger(db, `search_ended after ${ended}`, "new");
  await createTrigger(db, `search_expired after ${expired}`, "new");
  await createTrigger(db, "search_deleted after delete on executions", "old");
}

async function createTrigger(db: Kysely<unknown>, head: string, row: "new" | "old"): Promise<void> {
  await sql
    .raw(
      `create trigger ${head} begin insert into search_queue (execution_id) values (${row}.id); end`,
    )
    .execute(db);
}
