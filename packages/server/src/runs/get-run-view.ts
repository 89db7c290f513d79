import type { Run } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { listGates } from "./rollout/gate-store.ts";
import { getRun, listExecutions } from "./run-store.ts";
import { toRun } from "./run-view.ts";

/** Reads a run with all that belongs to it, as the API shows it. */
export async function getRunView(db: Kysely<Database>, runId: string): Promise<Run> {
  const row = await getRun(db, runId);
  const gates = row.rollout_json === null ? [] : await listGates(db, runId);
  return toRun(row, await listExecutions(db, runId), gates);
}
