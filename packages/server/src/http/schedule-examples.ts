import { RUN, TIME, TOKEN } from "./example-values.ts";

const scheduledRun = {
  script: "db/vacuum",
  on: ["label=role=db"],
  except: [],
  params: { TABLE: "public.orders" },
  secrets: {},
  args: [],
  env: {},
  limits: { timeout: "30m" },
  allowEmpty: false,
};
const scheduleTiming = { cron: "0 3 * * *", timeZone: "Europe/Berlin", jitter: "5m" };
const scheduleRequest = {
  ...scheduleTiming,
  overlap: "skip",
  missed: { policy: "one" },
  run: { script: "db/vacuum", on: ["label=role=db"], params: { TABLE: "public.orders" } },
};
const fire = {
  dueAt: "2026-11-20T02:00:00.000Z",
  decidedAt: "2026-11-20T02:01:56.511Z",
  cause: "due",
  result: "started",
  run: { id: RUN, state: "succeeded" },
  code: null,
  detail: null,
  missed: null,
};
const schedule = {
  id: "sch_01k9g4z7e0s2m4n6p8q0r2t4v3",
  name: "nightly",
  version: 2,
  createdAt: TIME.queued,
  updatedAt: TIME.finished,
  by: { tokenId: TOKEN, name: "ann" },
  description: "",
  source: { kind: "stored", engine: null, containers: [] },
  state: "active",
  problem: null,
  pause: null,
  ...scheduleTiming,
  from: null,
  until: null,
  enabled: true,
  overlap: "skip",
  missed: { policy: "one", most: 10, within: "24h", grace: "1m" },
  run: scheduledRun,
  next: { dueAt: "2026-11-21T02:00:00.000Z", startsAt: "2026-11-21T02:03:12.250Z" },
  last: fire,
};

export const SCHEDULE_EXAMPLES: Readonly<Record<string, unknown>> = {
  Schedule: schedule,
  SchedulePage: { data: [schedule], next: null },
  ScheduleSource: schedule.source,
  ScheduleFire: fire,
  ScheduleFirePage: { data: [fire], next: null },
  CreateScheduleRequestInput: { name: "nightly", ...scheduleRequest },
  ReplaceScheduleRequestInput: scheduleRequest,
  PauseScheduleRequestInput: { reason: "OPS-412" },
  PreviewTimesRequestInput: { ...scheduleTiming, count: 3 },
};
