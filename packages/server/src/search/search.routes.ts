import { searchPage, searchQuery } from "@deckhand/core";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { type SearchDeps, search } from "./search.ts";

/** GET /api/v1/search. */
export function searchRoutes(deps: SearchDeps): (app: App) => void {
  return (app) => {
    app.get("/api/v1/search", {
      config: { action: "run.read" },
      schema: {
        operationId: "search",
        summary: "Find lines in the output of past executions and in scripts",
        description:
          "Newest output first; scripts, where asked for, come before it on the first page. An execution is found a moment after its end.",
        tags: ["runs"],
        querystring: searchQuery,
        response: { 200: searchPage, ...problemResponses(400, 422) },
      },
      handler: (request) => search(deps, request.query),
    });
  };
}
