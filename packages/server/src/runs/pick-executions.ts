import { AppError } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { type ExecutionRow, listExecutions } from "./run-store.ts";

/** The executions of a run, or only the wanted one. Throws EXECUTION_NOT_FOUND where the run has no such. */
export async function pickExecutions(
  db: Kysely<Database>,
  runId: string,
  wanted: string | undefined,
): Promise<readonly ExecutionRow[]> {
  const rows = await listExecutions(db, runId);
  const picked = wanted ? rows.filter((row) => row.id === wanted) : rows;
  if (wanted && picked.length === 0) {
    throw new AppError("EXECUTION_NOT_FOUND", {
      detail: `The run ${runId} has no execution ${wanted}.`,
    });
  }
  return picked;
}
