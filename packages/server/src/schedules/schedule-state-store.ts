import type { Kysely, Selectable } from "kysely";
import type { Database } from "../database/database.ts";

/** Who paused a schedule, when and why. */
export interface Pause {
  readonly atMs: number;
  readonly by: string;
  readonly reason: string | null;
}

/** What is decided of a schedule, and whether it is paused. */
export interface StoredState {
  readonly scheduleId: string;
  /** Every time up to this one is decided. */
  readonly decidedMs: number;
  /** Of what timing that is said. */
  readonly timing: string;
  readonly pause: Pause | undefined;
}

export async function listStates(db: Kysely<Database>): Promise<StoredState[]> {
  return (await db.selectFrom("schedule_states").selectAll().execute()).map(toState);
}

export async function findState(
  db: Kysely<Database>,
  scheduleId: string,
): Promise<StoredState | undefined> {
  const row = await db
    .selectFrom("schedule_states")
    .selectAll()
    .where("schedule_id", "=", scheduleId)
    .executeTakeFirst();
  return row && toState(row);
}

export async function saveState(db: Kysely<Database>, state: StoredState): Promise<void> {
  const { scheduleId, decidedMs, timing, pause } = state;
  await db
    .replaceInto("schedule_states")
    .values({
      schedule_id: scheduleId,
      decided_at: decidedMs,
      timing,
      pause_json: pause ? JSON.stringify(pause) : null,
    })
    .execute();
}

/** Tells whether there was such a schedule; nothing may be decided for one that is gone. */
export async function moveDecided(
  db: Kysely<Database>,
  scheduleId: string,
  decidedMs: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("schedule_states")
    .set({ decided_at: decidedMs })
    .where("schedule_id", "=", scheduleId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Forgets everything about a schedule, also its history. */
export async function deleteState(db: Kysely<Database>, scheduleId: string): Promise<void> {
  await db.deleteFrom("schedule_states").where("schedule_id", "=", scheduleId).execute();
  await db.deleteFrom("schedule_fires").where("schedule_id", "=", scheduleId).execute();
}

function toState(row: Selectable<Database["schedule_states"]>): StoredState {
  return {
    scheduleId: row.schedule_id,
    decidedMs: row.decided_at,
    timing: row.timing,
    pause: row.pause_json === null ? undefined : (JSON.parse(row.pause_json) as Pause),
  };
}
