import {
  AppError,
  connectTerminalQuery,
  openTerminalRequest,
  terminal as terminalSchema,
  terminalId,
  terminalList,
} from "@deckhand/core";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Access } from "../access/access.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import { callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { assertHandshake, credentialOf } from "../http/web-sockets.ts";
import { socketsByToken } from "./sockets-by-token.ts";
import { connectSocket } from "./terminal-socket.ts";
import { toTerminal } from "./terminal-view.ts";
import type { OpenedTerminal, Terminals } from "./terminals.ts";

export interface TerminalRoutesDeps {
  readonly terminals: Terminals;
  readonly access: Access;
  readonly onTokenDeleted: (listener: (tokenId: string) => void) => void;
  readonly audit: Pick<AuditLog, "record">;
}

const TAGS = ["terminals"];
const terminalParams = z.strictObject({ id: terminalId });

/** Everything under /api/v1/terminals. */
export function terminalRoutes(deps: TerminalRoutesDeps): (app: App) => void {
  return (app) => {
    openRoute(app, deps);
    readRoutes(app, deps);
    endRoute(app, deps);
    connectRoute(app, deps);
  };
}

function openRoute(app: App, { terminals }: TerminalRoutesDeps): void {
  app.post("/api/v1/terminals", {
    config: { action: "terminal.open" },
    schema: {
      operationId: "openTerminal",
      summary: "Start a program on a terminal in one container",
      description:
        "It goes on while nobody is connected, for 15 minutes. Terminals are known to this server process only.",
      tags: TAGS,
      body: openTerminalRequest,
      response: { 201: terminalSchema, ...problemResponses(404, 409, 422, 429) },
    },
    handler: async (request, reply) => {
      const opened = toTerminal(await terminals.open(request.body, callerOf(request)));
      return reply.code(201).header("location", opened.urls.self).send(opened);
    },
  });
}

function readRoutes(app: App, { terminals }: TerminalRoutesDeps): void {
  app.get("/api/v1/terminals", {
    config: { action: "terminal.read" },
    schema: {
      operationId: "listTerminals",
      summary: "List terminals, those that ended a moment ago too",
      tags: TAGS,
      response: { 200: terminalList },
    },
    handler: async () => ({ data: terminals.list().map(toTerminal) }),
  });
  app.get("/api/v1/terminals/:id", {
    config: { action: "terminal.read" },
    schema: {
      operationId: "getTerminal",
      summary: "Read one terminal",
      tags: TAGS,
      params: terminalParams,
      response: { 200: terminalSchema, ...problemResponses(404) },
    },
    handler: async ({ params }) => toTerminal(terminals.get(params.id)),
  });
}

function endRoute(app: App, { terminals }: TerminalRoutesDeps): void {
  app.delete("/api/v1/terminals/:id", {
    config: { action: "terminal.end" },
    schema: {
      operationId: "endTerminal",
      summary: "End a terminal with all its processes",
      description: "Answers when they are gone; one that has ended already is shown as it is.",
      tags: TAGS,
      params: terminalParams,
      response: { 200: terminalSchema, ...problemResponses(404) },
    },
    handler: async (request) =>
      toTerminal(await terminals.end(request.params.id, callerOf(request))),
  });
}

const CONNECT_ABOUT = `A WebSocket, with the subprotocol \`deckhand.terminal.v1\`. Binary messages are what the terminal shows and what is typed. Text messages
are JSON: \`{"type":"resize","columns":120,"rows":40}\` and \`{"type":"taken","offset":81234}\` to the server; \`hello\` (with the
\`offset\` of the first byte that follows, and the \`end\` of what was shown before), \`alive\` (every 20 s) and \`exit\` (with \`exitCode\`, \`signal\`, \`reason\`) from it.
The token is in the header Authorization, or, from a browser, in a second subprotocol: \`deckhand.token.\` and the token.
Whoever disconnects leaves the terminal as it is; close code 1013 says: too slow, connect again.`;

function connectRoute(app: App, deps: TerminalRoutesDeps): void {
  const sockets = socketsByToken(deps.onTokenDeleted);
  app.route({
    method: "GET",
    url: "/api/v1/terminals/:id/connect",
    config: { action: "terminal.connect" },
    schema: {
      operationId: "connectTerminal",
      summary: "Watch a terminal and type into it, over a WebSocket",
      description: CONNECT_ABOUT,
      tags: TAGS,
      params: terminalParams,
      querystring: connectTerminalQuery,
      response: {
        101: z.null().meta({ description: "The connection is a WebSocket now" }),
        ...problemResponses(400, 404),
      },
    },
    preHandler: async ({ params, query, raw }) => {
      assertShown(deps.terminals.get(params.id), query.after);
      assertHandshake(raw);
    },
    handler: () => {
      throw new AppError("REQUEST_INVALID", {
        detail: "This address speaks WebSocket only.",
        hint: "Send Connection: Upgrade and Upgrade: websocket; what a terminal is: GET /api/v1/terminals/{id}",
      });
    },
    wsHandler: (socket, request) => {
      const { id } = request.params as z.infer<typeof terminalParams>;
      const { after } = request.query as z.infer<typeof connectTerminalQuery>;
      const opened = deps.terminals.get(id);
      if (request.principal) sockets.add(request.principal.tokenId, socket);
      void recordConnection(deps, request, opened);
      connectSocket(socket, opened.live, {
        after,
        assertStillAllowed: () => deps.access.authenticate(credentialOf(request.raw)),
      });
    },
  });
}

function assertShown({ id, live }: OpenedTerminal, after: number | undefined): void {
  if (after === undefined || after <= live.shown.end) return;
  throw new AppError("CURSOR_INVALID", {
    detail: `The terminal ${id} has shown ${live.shown.end} bytes, fewer than ${after}.`,
    hint: "Give as `after` how many bytes of this terminal came so far, or leave it out.",
  });
}

/** A session of several minutes is not ended because its beginning could not be recorded. */
async function recordConnection(
  { audit }: TerminalRoutesDeps,
  request: FastifyRequest,
  { id, target }: OpenedTerminal,
): Promise<void> {
  const detail = { target: target.name };
  const entry = { action: "terminal.connect", object: id, outcome: "allowed", detail } as const;
  await audit
    .record({ caller: callerOf(request), ...entry })
    .catch((error: unknown) => request.log.error({ err: error }, "the audit entry is missing"));
}
