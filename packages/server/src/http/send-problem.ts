import type { AppError } from "@deckhand/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toAppError, toProblem } from "./to-problem.ts";

/** The error handler: answers problem+json and writes what is our fault into the log. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const ours = toAppError(error);
  request.errorCode = ours.code;
  if (ours.status >= 500) request.log.error({ err: error, code: ours.code }, "request failed");
  setProblemHeaders(reply, ours);
  reply.send(JSON.stringify(toProblem(ours, request.id)));
}

function setProblemHeaders(reply: FastifyReply, error: AppError): void {
  reply
    .code(error.status)
    .type("application/problem+json; charset=utf-8")
    .header("cache-control", "no-store");
  if (error.status === 401) reply.header("www-authenticate", 'Bearer realm="deckhand"');
  const { retryAfterSeconds, allow } = error.extra;
  if (typeof retryAfterSeconds === "number")
    reply.header("retry-after", String(Math.ceil(retryAfterSeconds)));
  if (Array.isArray(allow)) reply.header("allow", allow.join(", "));
}
