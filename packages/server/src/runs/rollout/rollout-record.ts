import type { Kysely } from "kysely";
import type { Database } from "../../database/database.ts";

/** What is written down of a rollout beside its executions. */
export interface RolloutRecord {
  readonly waitsFor: RolloutWait | null;
  readonly stopped: RolloutStop | null;
}

export interface RolloutWait {
  readonly kind: "pause" | "health";
  /** The batch that begins next, from 1. */
  readonly batch: number;
  readonly untilMs: number;
}

export interface RolloutStop {
  readonly code: "rollout-stopped" | "health-failed";
  readonly detail: string;
  readonly atMs: number;
}

export const NEW_ROLLOUT: RolloutRecord = { waitsFor: null, stopped: null };

export function readRecord(json: string): RolloutRecord {
  return JSON.parse(json) as RolloutRecord;
}

export async function noteRecord(
  db: Kysely<Database>,
  runId: string,
  record: RolloutRecord,
): Promise<void> {
  const rollout_json = JSON.stringify(record);
  await db.updateTable("runs").set({ rollout_json }).where("id", "=", runId).execute();
}
