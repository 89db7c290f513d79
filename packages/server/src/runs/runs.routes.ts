import {
  BY_REQUEST,
  createRunQuery,
  execution as executionSchema,
  executionId,
  type Limits,
  listRunsQuery,
  parseDurationMs,
  readRunQuery,
  rerunRequest,
  type Run,
  run as runSchema,
  runId,
  runPage,
  runPlanView,
  runRequest,
  type RunRequest,
} from "@deckhand/core";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { type Caller, callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { idempotencyHeaders } from "../http/idempotency-headers.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { builtWhole } from "../http/schema-compilers.ts";
import { type FollowDeps, waitForEnd } from "./follow-run.ts";
import { pickExecutions } from "./pick-executions.ts";
import { type PlannedRun, toPlanView } from "./plan-run.ts";
import { toRerun } from "./rerun.ts";
import { getRunView } from "./get-run-view.ts";
import { listRuns } from "./run-list.ts";
import { includeOutput } from "./run-output-view.ts";
import { type ExecutionRow, getRun } from "./run-store.ts";
import { toExecution, toRunSummary } from "./run-view.ts";
import type { SubmitInput, SubmittedRun } from "./submit-run.ts";

export interface RunRoutesDeps extends FollowDeps {
  readonly submit: (input: SubmitInput) => Promise<SubmittedRun>;
  /** Changes nothing. */
  readonly tryPlan: (request: RunRequest) => Promise<PlannedRun>;
  readonly cancel: (runId: string, caller: Caller) => Promise<void>;
  readonly limits: Pick<Limits, "waitMs">;
  readonly now: () => number;
}

const runParams = z.strictObject({ id: runId });
const executionParams = z.strictObject({ id: runId, executionId });
/** As `toRun` makes it. */
const wholeRun = builtWhole(runSchema);
const TAGS = ["runs"];

/** /api/v1/runs: what starts, shows and stops them. */
export function runRoutes(deps: RunRoutesDeps): (app: App) => void {
  return (app) => {
    submitRoutes(app, deps);
    readRoutes(app, deps);
    changeRoutes(app, deps);
  };
}

function submitRoutes(app: App, deps: RunRoutesDeps): void {
  app.post("/api/v1/runs", {
    config: { action: "run.create" },
    schema: {
      operationId: "createRun",
      summary: "Run a script on the targets of a selector",
      description:
        "Answers 201 at once, or, with `wait`, when the run has ended or the time is up: the same body both ways.",
      tags: TAGS,
      querystring: createRunQuery,
      headers: idempotencyHeaders,
      body: runRequest,
      response: {
        200: wholeRun,
        201: wholeRun,
        ...problemResponses(400, 404, 409, 413, 415, 422, 429),
      },
    },
    handler: async (request, reply) => {
      const idempotencyKey = request.headers["idempotency-key"];
      const submitted = await deps.submit({
        request: request.body,
        caller: callerOf(request),
        idempotencyKey,
        origin: BY_REQUEST,
      });
      return answerSubmitted(deps, submitted, { reply, query: request.query });
    },
  });
  app.post("/api/v1/runs/plan", {
    config: { action: "run.create" },
    schema: {
      operationId: "planRun",
      summary: "Show what a run would be, without starting it",
      tags: TAGS,
      body: runRequest,
      response: { 200: runPlanView, ...problemResponses(400, 404, 413, 415, 422) },
    },
    handler: async (request) => toPlanView(await deps.tryPlan(request.body)),
  });
  app.post("/api/v1/runs/:id/rerun", {
    config: { action: "run.create" },
    schema: {
      operationId: "rerun",
      summary: "Run the same again, everywhere or where it did not succeed",
      description:
        "Starts the stored script's version that the request names: the newest, when it named none.",
      tags: TAGS,
      params: runParams,
      querystring: createRunQuery,
      headers: idempotencyHeaders,
      body: rerunRequest,
      response: {
        200: wholeRun,
        201: wholeRun,
        ...problemResponses(400, 404, 409, 413, 415, 422, 429),
      },
    },
    handler: async (request, reply) => {
      const again = await toRerun(deps.db, request.params.id, request.body);
      const idempotencyKey = request.headers["idempotency-key"];
      const caller = callerOf(request);
      const submitted = await deps.submit({
        ...again,
        caller,
        idempotencyKey,
        origin: { kind: "rerun", id: request.params.id, name: null },
      });
      return answerSubmitted(deps, submitted, { reply, query: request.query });
    },
  });
}

interface Answering {
  readonly reply: FastifyReply;
  readonly query: ReadQuery;
}

type ReadQuery = z.infer<typeof readRunQuery>;

async function answerSubmitted(
  deps: RunRoutesDeps,
  { runId, replayed }: SubmittedRun,
  answering: Answering,
) {
  const { reply } = answering;
  const run = await readRun(deps, runId, answering);
  reply.header("location", run.urls.self);
  if (replayed) reply.header("idempotency-replayed", "true");
  return reply.code(replayed ? 200 : 201).send(run);
}

async function readRun(
  deps: RunRoutesDeps,
  runId: string,
  { query, reply }: Answering,
): Promise<Run> {
  const waitMs = Math.min(query.wait ? parseDurationMs(query.wait) : 0, deps.limits.waitMs);
  const { row, onDisk } = await waitForEnd(deps, runId, { waitMs, signal: leaving(reply) });
  const view = await getRunView(deps.db, row);
  const run = query.include === "output" ? await includeOutput(deps.output, view) : view;
  await onDisk;
  return run;
}

function readRoutes(app: App, deps: RunRoutesDeps): void {
  app.get("/api/v1/runs", {
    config: { action: "run.read" },
    schema: {
      operationId: "listRuns",
      summary: "List runs, newest first",
      tags: TAGS,
      querystring: listRunsQuery,
      response: { 200: runPage, ...problemResponses(400) },
    },
    handler: async (request) => {
      const { rows, next } = await listRuns(deps.db, request.query, deps.now());
      return { data: rows.map((row) => toRunSummary(row, null)), next: next ?? null };
    },
  });
  app.get("/api/v1/runs/:id", {
    config: { action: "run.read" },
    schema: {
      operationId: "getRun",
      summary: "Read a run with its executions",
      tags: TAGS,
      params: runParams,
      querystring: readRunQuery,
      response: { 200: wholeRun, ...problemResponses(400, 404) },
    },
    handler: (request, reply) => readRun(deps, request.params.id, { query: request.query, reply }),
  });
  app.get("/api/v1/runs/:id/executions/:executionId", {
    config: { action: "run.read" },
    schema: {
      operationId: "getExecution",
      summary: "Read one execution",
      tags: TAGS,
      params: executionParams,
      response: { 200: executionSchema, ...problemResponses(400, 404) },
    },
    handler: async (request) => {
      const { id, executionId } = request.params;
      const run = await getRun(deps.db, id);
      const [row] = await pickExecutions(deps.db, run.id, executionId);
      return toExecution(row as ExecutionRow);
    },
  });
}

function changeRoutes(app: App, deps: RunRoutesDeps): void {
  app.post("/api/v1/runs/:id/cancel", {
    config: { action: "run.cancel" },
    schema: {
      operationId: "cancelRun",
      summary: "Stop a run on all its targets",
      description:
        "TERM, a grace time, then KILL of the whole process tree as far as it can be found. Answers when that is asked for; `wait` waits for the end.",
      tags: TAGS,
      params: runParams,
      querystring: readRunQuery,
      response: { 200: wholeRun, ...problemResponses(400, 404, 409) },
    },
    handler: async (request, reply) => {
      await deps.cancel(request.params.id, callerOf(request));
      return readRun(deps, request.params.id, { query: request.query, reply });
    },
  });
}

/** Aborts when the caller goes away, so that nobody waits for nobody. */
function leaving(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
