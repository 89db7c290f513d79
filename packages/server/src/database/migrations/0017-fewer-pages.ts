import { type Kysely, sql } from "kysely";

/**
 * Each run writes fewer pages: open executions are found by their runs, which are open as well, and what waits for the search index is
 * numbered without a table of its own for the highest number.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`drop index executions_open`.execute(db);
  // To rename a table would rename it in the triggers that fill it too.
  await sql`create table search_queue_kept as select seq, execution_id from search_queue`.execute(
    db,
  );
  await sql`drop table search_queue`.execute(db);
  await sql`create table search_queue (seq integer primary key, execution_id text not null)`.execute(
    db,
  );
  await sql`insert into search_queue select seq, execution_id from search_queue_kept`.execute(db);
  await sql`drop table search_queue_kept`.execute(db);
}
