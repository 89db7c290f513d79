import type { RolloutGateView } from "@deckhand/core";
import type { Kysely, Selectable } from "kysely";
import type { Database } from "../../database/database.ts";

export type GateRow = Selectable<Database["rollout_gates"]>;

/** `batch`, from 1, is the one whose containers are looked at. */
export interface GateKey {
  readonly runId: string;
  readonly batch: number;
}

/** Begins to look, or goes on with what an earlier server process began. */
export async function openGate(
  db: Kysely<Database>,
  { runId, batch }: GateKey,
  atMs: number,
): Promise<GateRow> {
  await db
    .insertInto("rollout_gates")
    .values({
      run_id: runId,
      batch,
      state: "checking",
      detail: "",
      started_at: atMs,
      finished_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return db
    .selectFrom("rollout_gates")
    .selectAll()
    .where("run_id", "=", runId)
    .where("batch", "=", batch)
    .executeTakeFirstOrThrow();
}

export async function closeGate(
  db: Kysely<Database>,
  { runId, batch }: GateKey,
  verdict: { readonly state: "passed" | "failed"; readonly detail: string; readonly atMs: number },
): Promise<void> {
  const { state, detail, atMs } = verdict;
  await db
    .updateTable("rollout_gates")
    .set({ state, detail, finished_at: atMs })
    .where("run_id", "=", runId)
    .where("batch", "=", batch)
    .execute();
}

export async function listGates(db: Kysely<Database>, runId: string): Promise<GateRow[]> {
  return db
    .selectFrom("rollout_gates")
    .selectAll()
    .where("run_id", "=", runId)
    .orderBy("batch")
    .execute();
}

export function toGateView(row: GateRow): RolloutGateView {
  return {
    batch: row.batch,
    state: row.state,
    detail: row.detail,
    startedAt: new Date(row.started_at).toISOString(),
    finishedAt: row.finished_at === null ? null : new Date(row.finished_at).toISOString(),
  };
}
