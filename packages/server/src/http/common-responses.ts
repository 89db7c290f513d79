import type { FastifySchema, RouteOptions } from "fastify";
import { type ProblemStatus, problemResponses } from "./problem-responses.ts";

const WITHOUT_BODY = new Set(["GET", "HEAD"]);

/** Adds the refusals that any operation of this kind can give, so that a route names only its own. */
export function addCommonResponses(route: RouteOptions, schema: FastifySchema): void {
  const own = (schema.response ?? {}) as Record<string, unknown>;
  schema.response = {
    ...problemResponses(...commonStatuses(route), ...streamStatuses(schema)),
    ...own,
  };
}

function commonStatuses(route: RouteOptions): ProblemStatus[] {
  const takesBody = ![route.method].flat().some((method) => WITHOUT_BODY.has(method));
  const isPublic = route.config?.action === "public";
  return [
    400,
    403,
    500,
    ...(takesBody ? ([413, 415] as const) : []),
    503,
    ...(isPublic ? [] : ([401] as const)),
  ];
}

/** Only so many event streams can be open. */
function streamStatuses({ produces }: FastifySchema): ProblemStatus[] {
  return produces?.includes("text/event-stream") ? [429] : [];
}
