import {
  AppError,
  createScheduleRequest,
  definitionName,
  firePage,
  listFiresQuery,
  nextTimes,
  nextTimesQuery,
  pauseScheduleRequest,
  previewTimesRequest,
  replaceScheduleRequest,
  type Run,
  run as runSchema,
  type ScheduleBody,
  schedule as scheduleSchema,
  schedulePage,
} from "@deckhand/core";
import { z } from "zod";
import { type Caller, callerOf } from "../audit/caller.ts";
import type { Definition } from "../definitions/definition.ts";
import { definitionRoutes } from "../definitions/definition-routes.ts";
import type { Definitions } from "../definitions/definitions.ts";
import type { App } from "../http/app.ts";
import { idempotencyHeaders } from "../http/idempotency-headers.ts";
import { problemResponses } from "../http/problem-responses.ts";
import type { SubmittedRun } from "../runs/submit-run.ts";
import { type ListedSchedule, toListed } from "./all-schedules.ts";
import { listFires } from "./fire-store.ts";
import { toNextTimes, toScheduleView, type ViewDeps } from "./schedule-view.ts";
import { type SealDeps, type StoredSchedule, sealSchedule } from "./stored-schedule.ts";

export interface ScheduleRoutesDeps extends ViewDeps, SealDeps {
  readonly check: SealDeps["check"];
  readonly schedules: Definitions<ListedSchedule>;
  readonly pause: (
    schedule: Definition<StoredSchedule>,
    asked: { readonly caller: Caller; readonly reason: string | undefined },
  ) => Promise<void>;
  readonly resume: (schedule: Definition<StoredSchedule>, caller: Caller) => Promise<void>;
  readonly runNow: (
    schedule: Definition<StoredSchedule>,
    asked: { readonly caller: Caller; readonly idempotencyKey: string | undefined },
  ) => Promise<SubmittedRun>;
  readonly readRun: (runId: string) => Promise<Run>;
  /** Seals what has become secret since it was saved. */
  readonly sealLate: (schedule: Definition<ListedSchedule>) => Promise<Definition<ListedSchedule>>;
}

const PATH = "/api/v1/schedules";
const tags = ["schedules"];
const nameParams = z.strictObject({ name: definitionName });

/** Everything under /api/v1/schedules. */
export function scheduleRoutes(deps: ScheduleRoutesDeps): (app: App) => void {
  const keep = definitionRoutes({
    definitions: deps.schedules,
    path: PATH,
    noun: { one: "Schedule", many: "Schedules" },
    tag: "schedules",
    actions: { read: "schedule.read", write: "schedule.write" },
    create: createScheduleRequest,
    replace: replaceScheduleRequest,
    view: scheduleSchema,
    page: schedulePage,
    toBody: (request: ScheduleBody, before, name) => toKept(deps, request, { before, name }),
    toView: (definition) => toView(deps, definition),
  });
  return (app) => {
    keep(app);
    previewRoute(app, deps);
    nextRoute(app, deps);
    pauseRoutes(app, deps);
    runRoute(app, deps);
    firesRoute(app, deps);
  };
}

async function toKept(
  deps: ScheduleRoutesDeps,
  request: ScheduleBody,
  kept: { readonly before: Definition<ListedSchedule> | undefined; readonly name: string },
): Promise<ListedSchedule> {
  const before = kept.before && (await deps.sealLate(kept.before)).body.schedule;
  return toListed(await sealSchedule(deps, request, { name: kept.name, before }));
}

async function toView(deps: ScheduleRoutesDeps, definition: Definition<ListedSchedule>) {
  return toScheduleView(deps, await deps.sealLate(definition));
}

/** Throws where its labels can not be read: nothing can be done with it then. */
async function getReadable(
  { schedules }: ScheduleRoutesDeps,
  name: string,
): Promise<Definition<StoredSchedule>> {
  const { body, ...parts } = await schedules.get(name);
  if (body.schedule) return { ...parts, body: body.schedule };
  throw new AppError("SCHEDULE_READ_ONLY", {
    detail: `The labels of ${name} can not be read: ${body.problem ?? ""}.`,
    hint: "Change the labels and make the container anew.",
  });
}

function previewRoute(app: App, deps: ScheduleRoutesDeps): void {
  app.post(`${PATH}/next`, {
    config: { action: "schedule.read" },
    schema: {
      operationId: "previewTimes",
      summary: "Show when a cron expression is due, without saving anything",
      tags,
      body: previewTimesRequest,
      response: { 200: nextTimes, ...problemResponses(400) },
    },
    handler: async ({ body: { count, ...timing } }) =>
      toNextTimes(timing, { id: undefined, afterMs: deps.now(), count }),
  });
}

function nextRoute(app: App, deps: ScheduleRoutesDeps): void {
  app.get(`${PATH}/:name/next`, {
    config: { action: "schedule.read" },
    schema: {
      operationId: "listNextTimes",
      summary: "Show when a schedule is due next",
      tags,
      params: nameParams,
      querystring: nextTimesQuery,
      response: { 200: nextTimes, ...problemResponses(400, 404, 409) },
    },
    handler: async ({ params, query: { count } }) => {
      const { id, body } = await getReadable(deps, params.name);
      return toNextTimes(body, { id, afterMs: deps.now(), count });
    },
  });
}

function pauseRoutes(app: App, deps: ScheduleRoutesDeps): void {
  app.post(`${PATH}/:name/pause`, {
    config: { action: "schedule.write" },
    schema: {
      operationId: "pauseSchedule",
      summary: "Start nothing more until it is resumed",
      tags,
      params: nameParams,
      body: pauseScheduleRequest,
      response: { 200: scheduleSchema, ...problemResponses(400, 404, 409) },
    },
    handler: async (request) => {
      const schedule = await getReadable(deps, request.params.name);
      await deps.pause(schedule, { caller: callerOf(request), reason: request.body.reason });
      return show(deps, schedule.name);
    },
  });
  app.post(`${PATH}/:name/resume`, {
    config: { action: "schedule.write" },
    schema: {
      operationId: "resumeSchedule",
      summary: "Go on; what was due while it was paused is not made up for",
      tags,
      params: nameParams,
      response: { 200: scheduleSchema, ...problemResponses(404, 409) },
    },
    handler: async (request) => {
      const schedule = await getReadable(deps, request.params.name);
      await deps.resume(schedule, callerOf(request));
      return show(deps, schedule.name);
    },
  });
}

async function show(deps: ScheduleRoutesDeps, name: string) {
  return toView(deps, await deps.schedules.get(name));
}

function runRoute(app: App, deps: ScheduleRoutesDeps): void {
  app.post(`${PATH}/:name/run`, {
    config: { action: "schedule.run" },
    schema: {
      operationId: "runSchedule",
      summary: "Start it now, whatever the time is and also while it is paused",
      description: "Its overlap policy holds; the times it is due at do not change.",
      tags,
      params: nameParams,
      headers: idempotencyHeaders,
      response: {
        200: runSchema,
        201: runSchema,
        ...problemResponses(404, 409, 422, 429),
      },
    },
    handler: async (request, reply) => {
      const schedule = await getReadable(deps, request.params.name);
      const idempotencyKey = request.headers["idempotency-key"];
      const asked = { caller: callerOf(request), idempotencyKey };
      const { runId, replayed } = await deps.runNow(schedule, asked);
      const run = await deps.readRun(runId);
      reply.header("location", run.urls.self);
      if (replayed) reply.header("idempotency-replayed", "true");
      return reply.code(replayed ? 200 : 201).send(run);
    },
  });
}

function firesRoute(app: App, deps: ScheduleRoutesDeps): void {
  app.get(`${PATH}/:name/history`, {
    config: { action: "schedule.read" },
    schema: {
      operationId: "listFires",
      summary: "List what became of each time, the newest first",
      tags,
      params: nameParams,
      querystring: listFiresQuery,
      response: { 200: firePage, ...problemResponses(400, 404) },
    },
    handler: async ({ params, query }) => {
      const { id } = await deps.schedules.get(params.name);
      return listFires(deps.db, id, query);
    },
  });
}
