import { AppError } from "@deckhand/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { KnownAddresses } from "./known-addresses.ts";

/** Answers what no route took: OPTIONS by the methods of the address, a wrong method by 405, the rest by 404. */
export function answerUnknown(
  addresses: KnownAddresses,
): (request: FastifyRequest, reply: FastifyReply) => void {
  return (request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const methods = addresses.methodsOf(path);
    if (methods.length === 0) throw notFound(path);
    const allow = [...methods, "OPTIONS"];
    if (request.method !== "OPTIONS") throw wrongMethod(request.method, allow);
    reply.code(204).header("allow", allow.join(", ")).send();
  };
}

function notFound(path: string): AppError {
  return new AppError("ROUTE_NOT_FOUND", {
    detail: `There is nothing at ${path.slice(0, 200)}.`,
    hint: "All addresses are listed at /docs; those of the API begin with /api/v1/.",
  });
}

function wrongMethod(method: string, allow: readonly string[]): AppError {
  return new AppError("METHOD_NOT_ALLOWED", {
    detail: `This address does not know ${method}.`,
    hint: `It knows ${allow.join(", ")}.`,
    extra: { allow },
  });
}
