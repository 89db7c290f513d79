import { pipeline, Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { runId } from "@deckhand/core";
import { z } from "zod";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { type ExportDeps, exportRun } from "./export-run.ts";

/** GET /api/v1/runs/:id/export. */
export function exportRoutes(deps: ExportDeps): (app: App) => void {
  return (app) => {
    app.get("/api/v1/runs/:id/export", {
      config: { action: "run.read" },
      schema: {
        operationId: "exportRun",
        summary: "Download everything of a run as one archive (tar.gz)",
        description:
          "Holds manifest.json, the script, and of each execution stdout, stderr and frames.jsonl with times. Values of secrets are not in it.",
        tags: ["runs"],
        params: z.strictObject({ id: runId }),
        produces: ["application/gzip"],
        response: {
          200: z.string().meta({ description: "a stream" }),
          ...problemResponses(400, 404),
        },
      },
      handler: async (request, reply) => {
        const { id } = request.params;
        const archive = Readable.from(await exportRun(deps, id));
        reply.header("content-type", "application/gzip");
        reply.header("content-disposition", `attachment; filename="${id}.tar.gz"`);
        const packed = pipeline(archive, createGzip(), () => undefined);
        return reply.send(packed as unknown as string);
      },
    });
  };
}
