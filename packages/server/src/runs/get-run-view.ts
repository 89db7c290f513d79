import type { Run } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { listGates } from "./rollout/gate-store.ts";
import { listExecutions, type RunRow } from "./run-store.ts";
import { toRun } from "./run-view.ts";

/** Reads all that belongs to a run, and shows it as the API does. */
export async function getRunView(db: Kysely<Database>, row: RunRow): Promise<Run> {
  const gates = row.rollout_json === null ? [] : await listGates(db, row.id);
  return toRun(row, await listExecutions(db, row.id), gates);
}
