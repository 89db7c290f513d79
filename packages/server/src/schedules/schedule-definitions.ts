import type { ScheduleBody } from "@deckhand/core";
import type { Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import type { Definition, DefinitionChange, DefinitionKind } from "../definitions/definition.ts";
import { deleteState, findState, saveState } from "./schedule-state-store.ts";
import { type StoredSchedule, storedSchedule } from "./stored-schedule.ts";

export interface ScheduleKindDeps {
  readonly now: () => number;
  /** A schedule is another now, or gone. */
  readonly onChanged: (change: DefinitionChange<StoredSchedule>) => void;
}

/** Schedules as what is kept under a name. */
export function scheduleKind({ now, onChanged }: ScheduleKindDeps): DefinitionKind<StoredSchedule> {
  return {
    kind: "schedule",
    words: { one: "schedule", many: "schedules", command: "deckhand schedules" },
    action: "schedule.write",
    body: storedSchedule,
    onChange: (change, transaction) => keepState(change, transaction, now()),
    onChanged,
  };
}

/** Of what a schedule has decided is said; with another timing it begins anew. */
export function toTimingKey({ cron, timeZone }: Pick<ScheduleBody, "cron" | "timeZone">): string {
  return `${timeZone} ${cron}`;
}

async function keepState(
  { before, after }: DefinitionChange<StoredSchedule>,
  transaction: Transaction<Database>,
  nowMs: number,
): Promise<void> {
  if (!after) return deleteState(transaction, (before as Definition<StoredSchedule>).id);
  const timing = toTimingKey(after.body);
  const known = before && (await findState(transaction, before.id));
  const goesOn = before?.body.enabled === true && known?.timing === timing;
  await saveState(transaction, {
    scheduleId: after.id,
    decidedMs: goesOn ? known.decidedMs : nowMs,
    timing,
    pause: known?.pause,
  });
}
