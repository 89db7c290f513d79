import {
  isAppError,
  type NextTimes,
  nextDue,
  previewTimes,
  type RunRequest,
  type Schedule,
  type ScheduleState,
  toLocalTime,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { Definition } from "../definitions/definition.ts";
import { toDefinitionView } from "../definitions/definition-routes.ts";
import type { Vault } from "../secrets/vault.ts";
import type { ListedSchedule } from "./all-schedules.ts";
import { findLastFire } from "./fire-store.ts";
import { toDueRules } from "./live-schedule.ts";
import { findState, type StoredState } from "./schedule-state-store.ts";
import { hideSecrets, openRequest, type StoredSchedule } from "./stored-schedule.ts";

export interface ViewDeps {
  readonly db: Kysely<Database>;
  readonly vault: Vault;
  readonly now: () => number;
  /** Throws when its run could never be started. */
  readonly check: (request: RunRequest) => Promise<unknown>;
}

/** What is shown where labels can not be read. */
const UNREADABLE = {
  description: "",
  cron: "",
  timeZone: "",
  jitter: "",
  from: null,
  until: null,
  enabled: false,
  overlap: "skip",
  missed: { policy: "skip", most: 0, within: "", grace: "" },
  run: null,
} as const satisfies Partial<Schedule>;

/** Shows a schedule with what it does next and what it did last. */
export async function toScheduleView(
  deps: ViewDeps,
  definition: Definition<ListedSchedule>,
): Promise<Schedule> {
  const { schedule, source, problem } = definition.body;
  const state = await findState(deps.db, definition.id);
  const next =
    schedule && state ? toNext({ ...definition, body: schedule }, state, deps.now()) : null;
  return {
    ...toDefinitionView(definition),
    source,
    state: toStateName(schedule, state, next),
    problem:
      problem ?? (schedule ? await findProblem(deps, { ...definition, body: schedule }) : null),
    pause: toPauseView(state),
    ...(schedule ? toBodyView(schedule) : UNREADABLE),
    next,
    last: (await findLastFire(deps.db, definition.id)) ?? null,
  };
}

function toStateName(
  schedule: StoredSchedule | undefined,
  state: StoredState | undefined,
  next: Schedule["next"],
): ScheduleState {
  if (schedule === undefined) return "broken";
  if (!schedule.enabled) return "disabled";
  if (state?.pause !== undefined) return "paused";
  return next === null ? "ended" : "active";
}

/** Null where nothing starts by itself. */
function toNext(
  { id, body }: Definition<StoredSchedule>,
  { decidedMs, pause }: StoredState,
  nowMs: number,
): Schedule["next"] {
  if (!body.enabled || pause !== undefined) return null;
  const rules = toDueRules(id, body);
  const dueMs = nextDue(rules, Math.min(decidedMs, nowMs));
  return dueMs === undefined
    ? null
    : { dueAt: toTime(dueMs), startsAt: toTime(dueMs + rules.jitterMs(dueMs)) };
}

/** What would be refused today: a script can go after the schedule was saved. */
async function findProblem(
  { vault, check }: ViewDeps,
  schedule: Definition<StoredSchedule>,
): Promise<string | null> {
  try {
    await check(openRequest(vault, schedule));
    return null;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error.message;
  }
}

function toPauseView(state: StoredState | undefined): Schedule["pause"] {
  if (state?.pause === undefined) return null;
  const { atMs, by, reason } = state.pause;
  return { at: toTime(atMs), by, reason };
}

function toBodyView(schedule: StoredSchedule) {
  const { sealedParams: _, from, until, ...body } = schedule;
  return { ...body, from: from ?? null, until: until ?? null, run: hideSecrets(schedule) };
}

/** The next times of a schedule, or of what might become one. */
export function toNextTimes(
  body: Parameters<typeof toDueRules>[1] & Pick<StoredSchedule, "timeZone">,
  {
    id,
    afterMs,
    count,
  }: { readonly id: string | undefined; readonly afterMs: number; readonly count: number },
): NextTimes {
  const rules = toDueRules(id ?? "", body);
  const { timeZone } = body;
  const range = {
    afterMs: Math.max(afterMs, (rules.fromMs ?? 0) - 1),
    untilMs: rules.untilMs,
    count,
  };
  return {
    timeZone,
    data: previewTimes(rules.timing, timeZone, range).map(({ dueMs, note }) => ({
      dueAt: toTime(dueMs),
      startsAt: toTime(dueMs + (id === undefined ? 0 : rules.jitterMs(dueMs))),
      local: toLocalTime(dueMs, timeZone),
      note: note ?? null,
    })),
  };
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}
