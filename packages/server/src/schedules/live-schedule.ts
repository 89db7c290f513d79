import { decideFires, type FireRules, jitterMs, parseCron, parseDurationMs } from "@deckhand/core";
import type { Definition } from "../definitions/definition.ts";
import type { StoredState } from "./schedule-state-store.ts";
import type { StoredSchedule } from "./stored-schedule.ts";

/** A schedule as the scheduler holds it. */
export interface LiveSchedule {
  readonly definition: Definition<StoredSchedule>;
  readonly rules: FireRules;
  /** False where nothing may start: it is paused, or says so itself. */
  readonly isActive: boolean;
  decidedMs: number;
  /** When to look at it; undefined when nothing comes any more. */
  nextAtMs: number | undefined;
  isBusy: boolean;
}

export function toLiveSchedule(
  definition: Definition<StoredSchedule>,
  { decidedMs, pause }: Pick<StoredState, "decidedMs" | "pause">,
  nowMs: number,
): LiveSchedule {
  const rules = toFireRules(definition.id, definition.body);
  const isActive = definition.body.enabled && pause === undefined;
  // A first look decides what passed while nobody looked.
  return { definition, rules, isActive, decidedMs, nextAtMs: nowMs, isBusy: false };
}

function toFireRules(id: string, body: StoredSchedule): FireRules {
  const { missed } = body;
  return {
    ...toDueRules(id, body),
    missed: {
      policy: missed.policy,
      most: missed.most,
      withinMs: parseDurationMs(missed.within),
      graceMs: parseDurationMs(missed.grace),
    },
  };
}

/** What says when a schedule is due. */
export function toDueRules(
  id: string,
  {
    cron,
    timeZone,
    jitter,
    from,
    until,
  }: Pick<StoredSchedule, "cron" | "timeZone" | "jitter" | "from" | "until">,
): Omit<FireRules, "missed"> {
  const mostJitterMs = parseDurationMs(jitter);
  return {
    timing: parseCron(cron, timeZone),
    jitterMs: (dueMs) => jitterMs(id, dueMs, mostJitterMs),
    mostJitterMs,
    fromMs: from === undefined ? undefined : Date.parse(from),
    untilMs: until === undefined ? undefined : Date.parse(until),
  };
}

/** Decides what passed; what was decided before a clock was set back may be less than was known. */
export function decide(live: LiveSchedule, nowMs: number): ReturnType<typeof decideFires> {
  const decision = decideFires(live.rules, { decidedMs: live.decidedMs, nowMs });
  live.decidedMs = decision.decidedMs;
  return decision;
}
