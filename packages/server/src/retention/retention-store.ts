import type { RetainedRun } from "@deckhand/core";
import { type Kysely, sql } from "kysely";
import type { Database } from "../database/database.ts";

/** Ended runs of which the rows are written down in one transaction. */
export interface Taken {
  /** Only their output goes. */
  readonly expired: readonly string[];
  readonly deleted: readonly string[];
  readonly atMs: number;
}

export interface RetentionStore {
  /** Runs older than this id, newest first. */
  listOlder(belowId: string, limit: number): Promise<readonly RetainedRun[]>;
  /** Writes down what goes; its output is then owed to be removed. An open run is left alone. */
  take(taken: Taken): Promise<void>;
  /** Runs whose output is still to be removed from the disk. */
  listRemovals(): Promise<readonly string[]>;
  removed(runIds: readonly string[]): Promise<void>;
}

interface RunLine {
  readonly id: string;
  readonly finished_at: number | null;
  readonly script_name: string | null;
  readonly kept: number;
  readonly bytes: number;
}

export function retentionStore(db: Kysely<Database>): RetentionStore {
  return {
    listOlder: async (belowId, limit) => {
      const { rows } = await sql<RunLine>`
        select runs.id, runs.finished_at, runs.script_name, count(kept.id) as kept,
          coalesce(sum(kept.stored_bytes), 0) as bytes
        from (select id, finished_at, script_name from runs where id < ${belowId} order by id desc limit ${limit}) as runs
        left join executions as kept on kept.run_id = runs.id and kept.output_expired_at is null
        group by runs.id order by runs.id desc`.execute(db);
      return rows.map(toRetained);
    },
    take: (taken) => take(db, taken),
    listRemovals: async () => {
      const rows = await db.selectFrom("output_removals").select("run_id").limit(500).execute();
      return rows.map((row) => row.run_id);
    },
    removed: async (runIds) => {
      await db.deleteFrom("output_removals").where("run_id", "in", runIds).execute();
    },
  };
}

function toRetained(line: RunLine): RetainedRun {
  return {
    id: line.id,
    finishedAtMs: line.finished_at ?? undefined,
    scriptName: line.script_name ?? undefined,
    outputBytes: line.bytes,
    isOutputGone: line.kept === 0,
  };
}

async function take(db: Kysely<Database>, { expired, deleted, atMs }: Taken): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const gone = await onlyEnded(transaction, deleted);
    const emptied = await onlyEnded(transaction, expired);
    await transaction
      .updateTable("executions")
      .set({ output_expired_at: atMs })
      .where("run_id", "in", emptied)
      .execute();
    const removals = [...gone, ...emptied].map((run_id) => ({ run_id }));
    if (removals.length > 0)
      await transaction
        .insertInto("output_removals")
        .values(removals)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    await deleteRuns(transaction, gone);
  });
}

async function onlyEnded(db: Kysely<Database>, runIds: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom("runs")
    .select("id")
    .where("id", "in", runIds)
    .where("finished_at", "is not", null)
    .execute();
  return rows.map((row) => row.id);
}

async function deleteRuns(db: Kysely<Database>, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return;
  const ids = sql.join(runIds);
  const texts = await sql<{ sha256: string | null }>`
    select distinct json_extract(plan_json, '$.program.sha256') as sha256 from runs where id in (${ids})`.execute(
    db,
  );
  for (const table of await tablesOfRuns(db))
    await sql`delete from ${sql.table(table)} where run_id in (${ids})`.execute(db);
  await db.deleteFrom("runs").where("id", "in", runIds).execute();
  const started = texts.rows.flatMap(({ sha256 }) => sha256 ?? []);
  if (started.length === 0) return;
  await sql`delete from script_texts where sha256 in (${sql.join(started)}) and not exists
    (select 1 from runs where json_extract(plan_json, '$.program.sha256') = script_texts.sha256)`.execute(
    db,
  );
}

/** What is still owed of a run, and what keeps a message or a request that comes again from starting another one. */
const OUTLIVES_RUNS = ["output_removals", "trigger_fires", "idempotency_keys"];

/**
 * A table whose `run_id` is never null belongs to the runs, and its rows go with theirs. Where it may be null the row is another
 * history, of schedules or of what was told to whom, and stays.
 */
async function tablesOfRuns(db: Kysely<Database>): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select tables.name from sqlite_master as tables join pragma_table_info(tables.name) as columns
    where tables.type = 'table' and columns.name = 'run_id' and (columns."notnull" = 1 or columns.pk > 0)
      and tables.name not in (${sql.join(OUTLIVES_RUNS)})`.execute(db);
  return rows.map((row) => row.name);
}
