import { z } from "zod";
import { findDurationMs } from "../duration.ts";
import { RUN_STATES, type RunState } from "../runs/run-state.ts";
import { findCronProblem, findTimeZoneProblem } from "../schedule/parse-cron.ts";
import { OVERLAP_POLICIES } from "./choices.ts";
import { runRequest } from "./run.ts";
import { definitionName, definitionView } from "./definition.ts";
import { durationText, pageOf, pageQuery, runId, timestamp } from "./shared.ts";

const cronText = refuseWith(z.string().max(200), findCronProblem).meta({
  description: "5 fields, 6 with seconds in front, @hourly, @daily and so on, or @every 10m",
  example: "0 3 * * *",
});
const timeZoneName = refuseWith(z.string().min(1).max(100), findTimeZoneProblem).meta({
  description: "whose clocks count; what @every says does not depend on it",
  example: "Europe/Berlin",
});

function refuseWith(text: z.ZodString, findProblem: (text: string) => string | undefined) {
  return text.superRefine((value, context) => {
    const problem = findProblem(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

function durationUpTo(most: string) {
  return durationText.refine(
    (text) => (findDurationMs(text) ?? 0) <= (findDurationMs(most) ?? 0),
    `write at most ${most}`,
  );
}

/** When a schedule is due. */
const timingMembers = {
  cron: cronText,
  timeZone: timeZoneName.default("UTC"),
  jitter: durationUpTo("1h").default("0s").meta({
    description: "starts up to so much later; the same schedule and time always equally much",
    example: "5m",
  }),
  from: timestamp.optional().meta({ description: "never before" }),
  until: timestamp.optional().meta({ description: "never from then on" }),
};

export const overlapPolicy = z.enum(OVERLAP_POLICIES);
export type OverlapPolicy = z.infer<typeof overlapPolicy>;

const missedRules = z.strictObject({
  policy: z.enum(["skip", "one", "all"]).default("skip").meta({
    description: "what could not start in time: nothing, the newest, or each of the newest `most`",
  }),
  most: z.number().int().min(1).max(100).default(10),
  within: durationUpTo("31d")
    .default("24h")
    .meta({ description: "what is older is never made up for" }),
  grace: durationUpTo("1h")
    .default("1m")
    .meta({ description: "so much later still counts as in time" }),
});

/** What a schedule says, as somebody saves it. */
export const scheduleBody = z.strictObject({
  description: z.string().max(500).default(""),
  ...timingMembers,
  enabled: z.boolean().default(true),
  overlap: overlapPolicy.default("skip").meta({
    description:
      "when the run before still goes on: skip this one, queue it, replace (cancel) the older, or allow both",
  }),
  missed: missedRules.prefault({}),
  run: runRequest.meta({
    description: "what is run, as POST /api/v1/runs takes it; its targets are found anew each time",
  }),
});
export type ScheduleBody = z.infer<typeof scheduleBody>;
export type ScheduleBodyInput = z.input<typeof scheduleBody>;

export const previewTimesRequest = z
  .strictObject({ ...timingMembers, count: z.number().int().min(1).max(100).default(5) })
  .meta({ id: "PreviewTimesRequest" });

export type PreviewTimesRequestInput = z.input<typeof previewTimesRequest>;

export const nextTimesQuery = z.strictObject({
  count: z.coerce.number().int().min(1).max(100).default(5),
});

export const nextTimes = z
  .object({
    timeZone: z.string(),
    data: z.array(
      z.object({
        dueAt: timestamp,
        startsAt: timestamp.meta({ description: "dueAt and the jitter" }),
        local: z.string().meta({
          example: "2026-03-29 03:00:00",
          description: "as the time zone's clocks show it",
        }),
        note: z.string().nullable().meta({ description: "what a change of the clocks does to it" }),
      }),
    ),
  })
  .meta({ id: "NextTimes" });
export type NextTimes = z.infer<typeof nextTimes>;

export const fireCause = z.enum(["due", "caught-up", "request"]).meta({
  description: "due: in time; caught-up: made up for; request: somebody asked for it",
});
export type FireCause = z.infer<typeof fireCause>;

export const fireResult = z.enum(["started", "skipped", "refused", "missed"]).meta({
  description:
    "started: there is a run; skipped: the run before still went on; refused: it could not be started; missed: nobody could start it in time",
});
export type FireResult = z.infer<typeof fireResult>;

/** What became of one time, or of several that were missed together. */
export const scheduleFire = z
  .object({
    dueAt: timestamp,
    decidedAt: timestamp,
    cause: fireCause,
    result: fireResult,
    run: z.object({ id: runId, state: z.enum(RUN_STATES as [RunState, ...RunState[]]) }).nullable(),
    code: z
      .string()
      .nullable()
      .meta({ description: "of the refusal", example: "NO_TARGET_MATCHED" }),
    detail: z.string().nullable(),
    missed: z.object({ count: z.number().int(), since: timestamp }).nullable().meta({
      description: "how many times were missed, from `since` to `dueAt`; counted up to 1,000",
    }),
  })
  .meta({ id: "ScheduleFire" });
export type ScheduleFire = z.infer<typeof scheduleFire>;

export const firePage = pageOf(scheduleFire).meta({ id: "ScheduleFirePage" });
export type FirePage = z.infer<typeof firePage>;
export const listFiresQuery = pageQuery.extend({
  result: fireResult.optional(),
});
export type ListFiresQuery = z.infer<typeof listFiresQuery>;

export const pauseScheduleRequest = z
  .strictObject({ reason: z.string().max(500).optional() })
  .meta({ id: "PauseScheduleRequest" });

const scheduleState = z.enum(["active", "paused", "disabled", "ended", "broken"]).meta({
  description:
    "paused: somebody paused it; disabled: it says so itself; ended: no time comes any more; broken: its labels can not be read",
});
export type ScheduleState = z.infer<typeof scheduleState>;

/** Where a schedule comes from; what labels say is changed where the container is made. */
const scheduleSource = z
  .object({
    kind: z.enum(["stored", "labels"]),
    engine: z.string().nullable(),
    containers: z.array(z.string()),
  })
  .meta({ id: "ScheduleSource" });
export type ScheduleSource = z.infer<typeof scheduleSource>;

export const createScheduleRequest = scheduleBody
  .extend({ name: definitionName })
  .meta({ id: "CreateScheduleRequest" });
export const replaceScheduleRequest = scheduleBody.meta({ id: "ReplaceScheduleRequest" });

export const schedule = definitionView("sch_")
  .extend({
    description: z.string(),
    source: scheduleSource,
    state: scheduleState,
    problem: z.string().nullable().meta({ description: "why it is broken" }),
    pause: z.object({ at: timestamp, by: z.string(), reason: z.string().nullable() }).nullable(),
    cron: z.string(),
    timeZone: z.string(),
    jitter: z.string(),
    from: timestamp.nullable(),
    until: timestamp.nullable(),
    enabled: z.boolean(),
    overlap: overlapPolicy,
    missed: z.object({
      policy: missedRules.shape.policy,
      most: z.number().int(),
      within: z.string(),
      grace: z.string(),
    }),
    run: z
      .object(runRequest.shape)
      .nullable()
      .meta({ description: "null when it is broken; a secret's value is shown as •••" }),
    next: z.object({ dueAt: timestamp, startsAt: timestamp }).nullable(),
    last: scheduleFire.nullable().meta({ description: "what became of the time before" }),
  })
  .meta({ id: "Schedule" });
export type Schedule = z.infer<typeof schedule>;
export const schedulePage = pageOf(schedule).meta({ id: "SchedulePage" });
