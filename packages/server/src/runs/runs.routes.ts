import { Readable } from "node:stream";
import {
  AppError,
  BY_REQUEST,
  createRunQuery,
  eventQuery,
  execution as executionSchema,
  executionId,
  isTerminal,
  type Limits,
  listRunsQuery,
  outputPage,
  outputQuery,
  parseDurationMs,
  rawOutputQuery,
  readRunQuery,
  rerunRequest,
  type Run,
  run as runSchema,
  runId,
  runPage,
  runPlanView,
  runRequest,
  type RunRequest,
  type RunState,
} from "@deckhand/core";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { type Caller, callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { idempotencyHeaders } from "../http/idempotency-headers.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { builtWhole } from "../http/schema-compilers.ts";
import { sendLive } from "../http/live-streams.ts";
import { sendEvents } from "../http/server-sent-events.ts";
import { type FollowDeps, followBytes, followRun, waitForEnd } from "./follow-run.ts";
import { fromOffset, OutputEvents, toOutputFrame } from "./output-frames.ts";
import { type PlannedRun, toPlanView } from "./plan-run.ts";
import { toRerun } from "./rerun.ts";
import { getRunView } from "./get-run-view.ts";
import { listRuns } from "./run-list.ts";
import { includeOutput } from "./run-output-view.ts";
import { type ExecutionRow, getRun, listExecutions, type RunRow } from "./run-store.ts";
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
const eventHeaders = z.looseObject({
  "last-event-id": z
    .string()
    .regex(/^\d{1,15}$/, "the id of an output event")
    .optional(),
});
const streamed = z.string().meta({ description: "a stream" });
/** As `toRun` makes it. */
const wholeRun = builtWhole(runSchema);
const TAGS = ["runs"];
const BYTES = "application/octet-stream";
/** What is behind the reader's pipe may have work to do before it takes more. */
const PIPE_MAY_REST_MS = 10 * 60 * 1000;

/** Everything under /api/v1/runs. */
export function runRoutes(deps: RunRoutesDeps): (app: App) => void {
  return (app) => {
    submitRoutes(app, deps);
    readRoutes(app, deps);
    changeRoutes(app, deps);
    outputRoutes(app, deps);
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
      const [row] = await pickExecutions(deps, await getRun(deps.db, id), executionId);
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

function outputRoutes(app: App, deps: RunRoutesDeps): void {
  app.get("/api/v1/runs/:id/output", {
    config: { action: "run.read" },
    schema: {
      operationId: "readOutput",
      summary: "Read output, a page at a time",
      tags: TAGS,
      params: runParams,
      querystring: outputQuery,
      response: { 200: outputPage, ...problemResponses(400, 404) },
    },
    handler: async (request) => readPage(deps, request.params.id, request.query),
  });
  app.get("/api/v1/runs/:id/output/raw", {
    config: { action: "run.read" },
    schema: {
      operationId: "downloadOutput",
      summary: "Download the stored output of one execution, byte for byte",
      description:
        "With `follow`, what comes is given as well, until the execution has ended; go on after a cut with `offset`.",
      tags: TAGS,
      params: runParams,
      querystring: rawOutputQuery,
      produces: [BYTES],
      response: { 200: streamed, ...problemResponses(400, 404, 429) },
    },
    handler: async (request, reply) => {
      const { execution, stream, offset, follow } = request.query;
      const row = await onlyExecution(deps, request.params.id, execution);
      assertOutputKept([row]);
      reply.header(
        "content-disposition",
        `attachment; filename="${row.run_id}-${toFileName(row.target_name)}.log"`,
      );
      if (follow === "true") {
        const bytes = { executionId: row.id, stream, offset };
        return sendLive(reply, (signal) => followBytes(deps, row.run_id, { ...bytes, signal }), {
          contentType: BYTES,
          saysItsEnd: false,
          stalledMs: PIPE_MAY_REST_MS,
        });
      }
      const stored = fromOffset(deps.output.readRaw(row.run_id, row.id, stream), offset);
      return reply.type(BYTES).send(Readable.from(stored) as unknown as string);
    },
  });
  app.get("/api/v1/runs/:id/events", {
    config: { action: "run.read" },
    schema: {
      operationId: "followRun",
      summary: "Follow a run as server-sent events",
      description:
        "Events `execution`, `run`, `output` (with an id) and `end`. Resume with Last-Event-ID or `after`; a run that ended and was read to its end answers 204.",
      tags: TAGS,
      params: runParams,
      querystring: eventQuery,
      headers: eventHeaders,
      produces: ["text/event-stream"],
      response: {
        200: streamed,
        204: z.null().meta({ description: "nothing more will come" }),
        ...problemResponses(400, 404),
      },
    },
    handler: async (request, reply) => {
      const resumed = request.headers["last-event-id"];
      const after = Number(resumed ?? request.query.after ?? 0);
      const run = await getRun(deps.db, request.params.id);
      const { execution: executionId, encoding } = request.query;
      const rows = await pickExecutions(deps, run, executionId);
      if (resumed !== undefined && (await isReadToEnd(deps, run, { rows, after }))) {
        return reply.code(204).send(null);
      }
      return sendEvents(reply, (signal) =>
        followRun(deps, run.id, {
          after,
          executionId,
          encoder: new OutputEvents(encoding),
          signal,
        }),
      );
    },
  });
}

async function readPage(deps: RunRoutesDeps, runId: string, query: z.infer<typeof outputQuery>) {
  const run = await getRun(deps.db, runId);
  const rows = await pickExecutions(deps, run, query.execution);
  assertOutputKept(rows);
  const names = new Map(rows.map((row) => [row.id, row.target_name]));
  const cursor = deps.output.openCursor(runId, {
    executionIds: [...names.keys()],
    after: query.after,
  });
  const frames = await cursor.next(query.limit);
  const isLast = frames.length < query.limit && (await cursor.next(1)).length === 0;
  const shown = frames.filter((frame) => !query.stream || frame.stream === query.stream);
  return {
    data: shown.map((frame) => toOutputFrame(frame, names.get(frame.executionId) ?? "")),
    next: frames.at(-1)?.seq ?? query.after,
    complete: isLast && isTerminal(run.state as RunState),
  };
}

async function pickExecutions(deps: RunRoutesDeps, run: RunRow, wanted: string | undefined) {
  const rows = await listExecutions(deps.db, run.id);
  const picked = wanted ? rows.filter((row) => row.id === wanted) : rows;
  if (wanted && picked.length === 0) {
    throw new AppError("EXECUTION_NOT_FOUND", {
      detail: `The run ${run.id} has no execution ${wanted}.`,
    });
  }
  return picked;
}

function assertOutputKept(rows: readonly ExecutionRow[]): void {
  const [row] = rows;
  if (!row || rows.some((one) => one.output_expired_at === null)) return;
  throw new AppError("OUTPUT_EXPIRED", {
    detail: `The output of ${row.run_id} was removed on ${new Date(row.output_expired_at ?? 0).toISOString()}.`,
    hint: "The server's retention rules took it: deckhand retention plan",
  });
}

async function onlyExecution(
  deps: RunRoutesDeps,
  runId: string,
  wanted: string | undefined,
): Promise<ExecutionRow> {
  const rows = await pickExecutions(deps, await getRun(deps.db, runId), wanted);
  const [row] = rows;
  if (row && rows.length === 1) return row;
  throw new AppError("QUERY_INVALID", {
    detail: `The run ${runId} has ${rows.length} executions; say which one.`,
    errors: [{ pointer: "/execution", detail: "give the id of one execution" }],
  });
}

async function isReadToEnd(
  deps: RunRoutesDeps,
  run: RunRow,
  { rows, after }: { readonly rows: readonly ExecutionRow[]; readonly after: number },
) {
  if (!isTerminal(run.state as RunState)) return false;
  const cursor = deps.output.openCursor(run.id, { executionIds: rows.map((row) => row.id), after });
  return (await cursor.next(1)).length === 0;
}

/** Aborts when the caller goes away, so that nobody waits for nobody. */
function leaving(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

function toFileName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
}
