import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { findRow, insertRow } from "../database/rows.ts";

/** All that an execution wrote, when it is little: frames as in a file (see `frame-codec.ts`). */
export interface ShortOutput {
  readonly frames: Buffer;
  /** The number of its last frame. */
  readonly lastSeq: number;
}

/** Whose output it is. */
export interface OutputOwner {
  readonly runId: string;
  readonly executionId: string;
}

/** Reads what was written down together with the ends of executions. */
export interface ShortOutputs {
  find(owner: OutputOwner): Promise<Buffer | undefined>;
  /** The highest number in use in a run; 0 when there is none. */
  lastNumber(runId: string): Promise<number>;
  deleteRun(runId: string): Promise<void>;
}

export function shortOutputs(db: Kysely<Database>): ShortOutputs {
  return {
    find: async ({ runId, executionId }) => {
      const where = { run_id: runId, execution_id: executionId };
      const row = await findRow(db, "short_outputs", where);
      return row && Buffer.from(row.frames.buffer, row.frames.byteOffset, row.frames.byteLength);
    },
    lastNumber: async (runId) => {
      const query = db
        .selectFrom("short_outputs")
        .select((of) => of.fn.max("last_seq").as("last"))
        .where("run_id", "=", runId);
      return (await query.executeTakeFirst())?.last ?? 0;
    },
    deleteRun: async (runId) => {
      await db.deleteFrom("short_outputs").where("run_id", "=", runId).execute();
    },
  };
}

/** Writes it down in the transaction that ends its execution. */
export async function insertShortOutput(
  transaction: Kysely<Database>,
  { runId, executionId }: OutputOwner,
  { frames, lastSeq }: ShortOutput,
): Promise<void> {
  const row = { run_id: runId, execution_id: executionId, last_seq: lastSeq, frames };
  await insertRow(transaction, "short_outputs", row);
}
