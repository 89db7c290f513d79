import { TERMINAL_EXECUTION_STATES } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { OutputStream } from "../engines/engine.ts";
import type { SearchedStream } from "./search-index.ts";

export interface QueuedExecution {
  readonly seq: number;
  readonly executionId: string;
}

/** An execution whose output can be searched. */
export interface SearchedExecution {
  readonly of: Omit<SearchedStream, "stream">;
  /** Bytes that it wrote; not all of them need be kept. */
  readonly written: Readonly<Record<OutputStream, number>>;
}

export interface SearchQueueStore {
  list(limit: number): Promise<readonly QueuedExecution[]>;
  count(): Promise<number>;
  done(seqs: readonly number[]): Promise<void>;
  /** Undefined when it is gone, or its output is. */
  findExecution(executionId: string): Promise<SearchedExecution | undefined>;
  /** All that have ended are to be indexed. */
  queueAll(): Promise<void>;
  clear(): Promise<void>;
}

export function searchQueueStore(db: Kysely<Database>): SearchQueueStore {
  return {
    list: async (limit) => {
      const query = db.selectFrom("search_queue").selectAll().orderBy("seq").limit(limit);
      return (await query.execute()).map(({ seq, execution_id }) => ({
        seq,
        executionId: execution_id,
      }));
    },
    count: async () => {
      const query = db.selectFrom("search_queue").select((of) => of.fn.countAll<number>().as("n"));
      return (await query.executeTakeFirstOrThrow()).n;
    },
    done: async (seqs) => {
      await db.deleteFrom("search_queue").where("seq", "in", seqs).execute();
    },
    findExecution: (executionId) => findExecution(db, executionId),
    queueAll: async () => {
      const ended = db
        .selectFrom("executions")
        .select("id")
        .where("state", "in", TERMINAL_EXECUTION_STATES)
        .where("output_expired_at", "is", null)
        .orderBy("id");
      await db.insertInto("search_queue").columns(["execution_id"]).expression(ended).execute();
    },
    clear: async () => {
      await db.deleteFrom("search_queue").execute();
    },
  };
}

async function findExecution(
  db: Kysely<Database>,
  executionId: string,
): Promise<SearchedExecution | undefined> {
  const row = await db
    .selectFrom("executions")
    .innerJoin("runs", "runs.id", "executions.run_id")
    .select(["executions.id", "run_id", "target_id", "target_name", "executions.state"])
    .select(["executions.finished_at", "script_name", "stdout_bytes", "stderr_bytes"])
    .where("executions.id", "=", executionId)
    .where("output_expired_at", "is", null)
    .executeTakeFirst();
  return (
    row && {
      of: {
        executionId: row.id,
        runId: row.run_id,
        targetId: row.target_id,
        target: row.target_name,
        script: row.script_name,
        state: row.state,
        finishedAtMs: row.finished_at ?? 0,
      },
      written: { stdout: row.stdout_bytes, stderr: row.stderr_bytes },
    }
  );
}
