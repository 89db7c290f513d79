import { type Kysely, sql } from "kysely";

/** What an execution used, where its way tells. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table executions add column usage_json text`.execute(db);
}
