import type { Kysely } from "kysely";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caller } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { Definition } from "../definitions/definition.ts";
import { toTimingKey } from "./schedule-definitions.ts";
import { findState, type Pause, saveState } from "./schedule-state-store.ts";
import type { StoredSchedule } from "./stored-schedule.ts";

type Schedule = Definition<StoredSchedule>;

export interface PauseDeps {
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly audit: Pick<AuditLog, "record">;
  /** The scheduler is to know of it. */
  readonly takeUp: (schedule: Schedule) => Promise<void>;
  readonly now: () => number;
}

/** Starts nothing more until it is resumed; what it would have started meanwhile is not missed, it was not wanted. */
export async function pauseSchedule(
  deps: PauseDeps,
  schedule: Schedule,
  { caller, reason }: { readonly caller: Caller; readonly reason: string | undefined },
): Promise<void> {
  const by = caller.principal?.name ?? "nobody";
  const pause = { atMs: deps.now(), by, reason: reason ?? null };
  await change(deps, schedule, { caller, verb: "pause", pause });
}

export async function resumeSchedule(
  deps: PauseDeps,
  schedule: Schedule,
  caller: Caller,
): Promise<void> {
  await change(deps, schedule, { caller, verb: "resume", pause: undefined });
}

interface PauseChange {
  readonly caller: Caller;
  readonly verb: "pause" | "resume";
  readonly pause: Pause | undefined;
}

/** Pausing what is paused keeps the first pause, and resuming what goes on changes nothing. */
async function change(
  deps: PauseDeps,
  schedule: Schedule,
  { caller, verb, pause }: PauseChange,
): Promise<void> {
  const isChanged = await deps.db.transaction().execute(async (transaction) => {
    const before = await findState(transaction, schedule.id);
    if ((before?.pause === undefined) === (pause === undefined)) return false;
    const timing = toTimingKey(schedule.body);
    await saveState(transaction, {
      scheduleId: schedule.id,
      decidedMs: deps.now(),
      timing,
      pause,
    });
    const detail = { verb, id: schedule.id, reason: pause?.reason ?? null };
    await deps.audit.record(
      { caller, action: "schedule.write", object: schedule.name, outcome: "allowed", detail },
      transaction,
    );
    return true;
  });
  if (!isChanged) return;
  await deps.synced();
  await deps.takeUp(schedule);
}
