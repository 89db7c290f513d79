import { type Kysely, sql } from "kysely";

/** What a run was started by; nothing is kept where a request of its own did, so that such runs cost no index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ["origin_kind", "origin_id", "origin_name"]) {
    await sql.raw(`alter table runs add column ${column} text`).execute(db);
    await sql
      .raw(`create index runs_by_${column} on runs (${column}, id) where ${column} is not null`)
      .execute(db);
  }
  await sql`update runs set origin_kind = 'rerun', origin_id = rerun_of where rerun_of is not null`.execute(
    db,
  );
}
