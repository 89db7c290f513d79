import { RUN, TIME, TOKEN } from "./example-values.ts";

const times = { cron: "0 3 * * *", timeZone: "Europe/Berlin", jitter: "5m" };
const request = { script: "db/vacuum", on: ["label=role=db"], params: { JOBS: 2 } };
const body = { description: "The nightly vacuum", ...times, overlap: "skip", run: request };
const next = { dueAt: "2026-11-21T02:00:00.000Z", startsAt: "2026-11-21T02:03:12.000Z" };

const fire = {
  dueAt: "2026-11-20T02:00:00.000Z",
  decidedAt: "2026-11-20T02:03:12.004Z",
  cause: "due",
  result: "started",
  run: { id: RUN, state: "succeeded" },
  code: null,
  detail: null,
  missed: null,
};

const schedule = {
  id: "sch_01k9g4z7e0s2m4n6p8q0r2t4v3",
  name: "nightly-vacuum",
  version: 1,
  createdAt: TIME.queued,
  updatedAt: TIME.queued,
  by: { tokenId: TOKEN, name: "ann" },
  ...body,
  source: { kind: "stored", engine: null, containers: [] },
  state: "active",
  problem: null,
  pause: null,
  from: null,
  until: null,
  enabled: true,
  missed: { policy: "skip", most: 10, within: "24h", grace: "1m" },
  run: { ...request, except: [], args: [], env: {}, limits: {}, secrets: {}, allowEmpty: false },
  next,
  last: fire,
};

export const SCHEDULE_EXAMPLES: Readonly<Record<string, unknown>> = {
  Schedule: schedule,
  SchedulePage: { data: [schedule], next: null },
  ScheduleFire: fire,
  ScheduleFirePage: { data: [fire], next: null },
  CreateScheduleRequestInput: { name: schedule.name, ...body },
  ReplaceScheduleRequestInput: body,
  PauseScheduleRequestInput: { reason: "OPS-412: the disk is changed" },
  PreviewTimesRequestInput: { ...times, count: 1 },
  NextTimes: {
    timeZone: times.timeZone,
    data: [{ ...next, local: "2026-11-21 03:00:00", note: null }],
  },
};
