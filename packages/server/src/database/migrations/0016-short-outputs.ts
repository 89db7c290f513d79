import { type Kysely, sql } from "kysely";

/** Output so short that it is written down together with the end of its execution, and needs no file. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table short_outputs (
    run_id text not null,
    execution_id text not null,
    last_seq integer not null,
    frames blob not null,
    primary key (run_id, execution_id)
  ) without rowid`.execute(db);
}
