import type { IncomingMessage } from "node:http";
import type { Limits } from "@deckhand/core";
import swagger from "@fastify/swagger";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Access } from "../access/access.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { HttpMetrics } from "../telemetry/metrics.ts";
import { answerUnknown } from "./answer-unknown.ts";
import type { App } from "./app.ts";
import type { HostRules } from "./check-host.ts";
import { answerClientError } from "./client-error.ts";
import { documentationRoutes } from "./documentation.routes.ts";
import { endConnections } from "./end-connections.ts";
import { knownAddresses } from "./known-addresses.ts";
import { openapiOptions } from "./openapi.ts";
import { parseJsonBody } from "./parse-json-body.ts";
import { addRequestHooks } from "./request-hooks.ts";
import { toRequestId } from "./request-id.ts";
import { addRouteRules } from "./route-rules.ts";
import { serializerCompiler, validatorCompiler } from "./schema-compilers.ts";
import { sendProblem } from "./send-problem.ts";
import { liveStreams } from "./live-streams.ts";
import { addWebSockets, webSocketAddresses } from "./web-sockets.ts";

export interface AppOptions {
  readonly version: string;
  readonly http: HostRules;
  readonly limits: Pick<Limits, "bodyBytes" | "headersTimeoutMs" | "connections" | "followers">;
  readonly routes: readonly ((app: App) => void)[];
  readonly access: Access;
  readonly audit: AuditLog;
  readonly metrics: HttpMetrics;
  readonly logger: FastifyBaseLogger;
}

/** A request has this long to arrive whole; an answer may take longer. */
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 75_000;
/** How often Node looks for requests that are late. */
const LATE_CHECK_MS = 1_000;

/** Given from the beginning, else the usual ones are loaded too; they take our schemas, which the types do not know. */
const COMPILERS: object = {
  buildValidator: () => validatorCompiler,
  buildSerializer: () => serializerCompiler,
};

/** Makes the HTTP server; it does not start when a route names no action. */
export function createApp(options: AppOptions): App {
  const sockets = webSocketAddresses();
  const app = bareApp(options, sockets.takes);
  const addresses = knownAddresses();
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler(answerUnknown(addresses));
  endConnections(app);
  readJsonOnly(app);
  decorate(app, options);
  addRouteRules(app, addresses);
  addRequestHooks(app, options);
  addWebSockets(app, sockets);
  app.register(swagger, openapiOptions(options.version));
  app.register(async (scope) => {
    for (const route of options.routes) route(scope as unknown as App);
  });
  app.register(documentationRoutes());
  return app;
}

function bareApp(
  { limits, logger }: AppOptions,
  shouldUpgradeCallback: (request: IncomingMessage) => boolean,
): App {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: "requestId",
    }),
    schemaController: { compilersFactory: COMPILERS },
    bodyLimit: limits.bodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: LATE_CHECK_MS,
      shouldUpgradeCallback,
    },
    routerOptions: { maxParamLength: 1024 },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: toRequestId,
    frameworkErrors: (error, request, reply) => {
      reply.header("x-request-id", request.id);
      sendProblem(error, request as FastifyRequest, reply as FastifyReply);
    },
    clientErrorHandler: answerClientError,
  });
  app.server.maxConnections = limits.connections;
  return app as unknown as App;
}

function readJsonOnly(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (_request: FastifyRequest, body: Buffer) => parseJsonBody(body),
  );
}

function decorate(app: App, { limits, metrics }: AppOptions): void {
  app.decorateRequest("principal", undefined);
  app.decorateRequest("errorCode", undefined);
  const streams = liveStreams({
    most: limits.followers,
    onCount: (count) => metrics.streamClients.set(count),
  });
  app.decorate("liveStreams", streams);
  app.addHook("preClose", async () => streams.closeAll());
}
