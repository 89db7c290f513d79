import { runId, sameOutput, sameOutputQuery } from "@deckhand/core";
import { z } from "zod";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import type { OutputComparer } from "./same-output.ts";

const runParams = z.strictObject({ id: runId });

/** /api/v1/runs/{id}/output/same. */
export function sameOutputRoutes(compare: OutputComparer): (app: App) => void {
  return (app) => {
    app.get("/api/v1/runs/:id/output/same", {
      config: { action: "run.read" },
      schema: {
        operationId: "groupSameOutput",
        summary: "Group the targets of a run that wrote the same and ended in the same way",
        description:
          "Of each stream the first 8 MiB are compared. Executions that have not ended are in no group yet.",
        tags: ["runs"],
        params: runParams,
        querystring: sameOutputQuery,
        response: { 200: sameOutput, ...problemResponses(404) },
      },
      handler: async ({ params, query }) => compare(params.id, query.by),
    });
  };
}
