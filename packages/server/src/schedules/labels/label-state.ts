import type { Kysely } from "kysely";
import type { Database } from "../../database/database.ts";
import { toTimingKey } from "../schedule-definitions.ts";
import { findState, saveState, type StoredState } from "../schedule-state-store.ts";
import type { LabelledSchedule } from "./label-directory.ts";

/** What is decided of a schedule from labels: it goes on where it was, or begins now where its timing is another. */
export async function toLabelState(
  db: Kysely<Database>,
  { id, body }: LabelledSchedule,
  nowMs: number,
): Promise<StoredState> {
  const known = await findState(db, id);
  const timing = body ? toTimingKey(body) : "";
  if (known?.timing === timing) return known;
  const state = { scheduleId: id, decidedMs: nowMs, timing, pause: known?.pause };
  await saveState(db, state);
  return state;
}
