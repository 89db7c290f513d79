import { AppError } from "@deckhand/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { callerOf } from "../audit/caller.ts";
import type { App } from "./app.ts";
import { checkHost } from "./check-host.ts";
import type { AppOptions } from "./create-app.ts";
import { credentialOf } from "./web-sockets.ts";

/** Answers are data, never pages: a browser that is led here shows and runs nothing of them. */
const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
};

/** What happens to each request before its handler, and after its answer. */
export function addRequestHooks(app: App, options: AppOptions): void {
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ ...SECURITY_HEADERS, "x-request-id": request.id });
    if (closing) throw shuttingDown();
    const { host, origin } = request.headers;
    checkHost(options.http, { host, origin, port: request.socket.localPort });
    await authenticate(options, request);
  });
  app.addHook("onSend", async (_request, reply) => {
    // A connection that stayed open for further requests would hold up the end of the server.
    if (closing) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    observe(options, request, reply);
    await recordRefusal(options, request, reply);
  });
}

function shuttingDown(): AppError {
  return new AppError("SHUTTING_DOWN", {
    detail: "The server is ending and takes no new requests.",
    hint: "Try again in a few seconds.",
    extra: { retryAfterSeconds: 5 },
  });
}

async function authenticate(options: AppOptions, request: FastifyRequest): Promise<void> {
  if (request.is404 || request.routeOptions.config.action === "public") return;
  request.principal = await options.access.authenticate(credentialOf(request.raw));
}

function observe({ metrics }: AppOptions, request: FastifyRequest, reply: FastifyReply): void {
  const { method, errorCode: code, principal } = request;
  const route = request.routeOptions.url ?? "unknown";
  const status = reply.statusCode;
  const durationMs = Math.round(reply.elapsedTime * 10) / 10;
  metrics.observeRequest({ method, route, status, durationMs });
  request.log.info(
    { method, route, status, durationMs, token: principal?.tokenId, code },
    "request",
  );
}

/** What somebody was refused to change is worth knowing; reads are not. */
async function recordRefusal(
  { audit }: AppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { action } = request.routeOptions.config;
  if (!request.principal || !action || action.endsWith(".read") || reply.statusCode < 400) return;
  const object = request.url.split("?", 1)[0] ?? null;
  const detail = { method: request.method, status: reply.statusCode, code: request.errorCode };
  await audit
    .record({ caller: callerOf(request), action, object, outcome: "refused", detail })
    .catch((error: unknown) => {
      request.log.error({ err: error }, "the audit entry could not be written");
    });
}
