import { TERMINAL_EXECUTION_STATES } from "@deckhand/core";
import { type Kysely, sql } from "kysely";

const FINAL = TERMINAL_EXECUTION_STATES.map((state) => `'${state}'`).join(", ");

/** Executions whose place in the search index is not up to date: they ended, their output went, or they went. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table search_queue (
    seq integer primary key autoincrement,
    execution_id text not null
  )`.execute(db);
  for (const [name, event] of Object.entries({
    ended: `update of state on executions when new.state in (${FINAL}) and old.state not in (${FINAL})`,
    expired: "update of output_expired_at on executions when new.output_expired_at is not null",
  }))
    await createTrigger(db, `search_${name} after ${event}`, "new");
  await createTrigger(db, "search_deleted after delete on executions", "old");
}

async function createTrigger(db: Kysely<unknown>, head: string, row: "new" | "old"): Promise<void> {
  await sql
    .raw(
      `create trigger ${head} begin insert into search_queue (execution_id) values (${row}.id); end`,
    )
    .execute(db);
}
