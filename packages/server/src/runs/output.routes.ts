import { Readable } from "node:stream";
import {
  AppError,
  eventQuery,
  isTerminal,
  outputPage,
  outputQuery,
  rawOutputQuery,
  runId,
  type RunState,
} from "@deckhand/core";
import { z } from "zod";
import type { App } from "../http/app.ts";
import { sendLive } from "../http/live-streams.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { sendEvents } from "../http/server-sent-events.ts";
import { type FollowDeps, followBytes, followRun } from "./follow-run.ts";
import { fromOffset, OutputEvents, toOutputFrame } from "./output-frames.ts";
import { pickExecutions } from "./pick-executions.ts";
import { type ExecutionRow, getRun, type RunRow } from "./run-store.ts";

const runParams = z.strictObject({ id: runId });
const eventHeaders = z.looseObject({
  "last-event-id": z
    .string()
    .regex(/^\d{1,15}$/, "the id of an output event")
    .optional(),
});
const streamed = z.string().meta({ description: "a stream" });
const TAGS = ["runs"];
const BYTES = "application/octet-stream";
/** What is behind the reader's pipe may have work to do before it takes more. */
const PIPE_MAY_REST_MS = 10 * 60 * 1000;

/** /api/v1/runs/{id}/output, its bytes, and the events of a run. */
export function outputRoutes(deps: FollowDeps): (app: App) => void {
  return (app) => {
    pageRoute(app, deps);
    rawRoute(app, deps);
    eventsRoute(app, deps);
  };
}

function pageRoute(app: App, deps: FollowDeps): void {
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
}

function rawRoute(app: App, deps: FollowDeps): void {
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
}

function eventsRoute(app: App, deps: FollowDeps): void {
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
      const rows = await pickExecutions(deps.db, run.id, executionId);
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

async function readPage(deps: FollowDeps, runId: string, query: z.infer<typeof outputQuery>) {
  const run = await getRun(deps.db, runId);
  const rows = await pickExecutions(deps.db, run.id, query.execution);
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

function assertOutputKept(rows: readonly ExecutionRow[]): void {
  const [row] = rows;
  if (!row || rows.some((one) => one.output_expired_at === null)) return;
  throw new AppError("OUTPUT_EXPIRED", {
    detail: `The output of ${row.run_id} was removed on ${new Date(row.output_expired_at ?? 0).toISOString()}.`,
    hint: "The server's retention rules took it: deckhand retention plan",
  });
}

async function onlyExecution(
  deps: FollowDeps,
  runId: string,
  wanted: string | undefined,
): Promise<ExecutionRow> {
  const run = await getRun(deps.db, runId);
  const rows = await pickExecutions(deps.db, run.id, wanted);
  const [row] = rows;
  if (row && rows.length === 1) return row;
  throw new AppError("QUERY_INVALID", {
    detail: `The run ${runId} has ${rows.length} executions; say which one.`,
    errors: [{ pointer: "/execution", detail: "give the id of one execution" }],
    hint: `Their ids: GET /api/v1/runs/${runId}`,
  });
}

async function isReadToEnd(
  deps: FollowDeps,
  run: RunRow,
  { rows, after }: { readonly rows: readonly ExecutionRow[]; readonly after: number },
) {
  if (!isTerminal(run.state as RunState)) return false;
  const cursor = deps.output.openCursor(run.id, { executionIds: rows.map((row) => row.id), after });
  return (await cursor.next(1)).length === 0;
}

function toFileName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
}
