import {
  AppError,
  createdToken,
  createTokenRequest,
  parseDurationMs,
  type Token,
  tokenId,
  tokenList,
} from "@deckhand/core";
import { z } from "zod";
import type { AuditLog } from "../audit/audit-log.ts";
import { callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { createToken } from "./create-token.ts";
import type { StoredToken, TokenStore } from "./token-store.ts";

export interface TokenRoutesDeps {
  readonly tokens: TokenStore;
  readonly audit: Pick<AuditLog, "record">;
  readonly now: () => number;
}

const TAGS = ["access"];
const tokenParams = z.strictObject({ id: tokenId });
/** A date in JavaScript ends in the year 275760; a token's life ends long before. */
const LONGEST_LIFE_MS = 100 * 365 * 24 * 60 * 60 * 1000;

/** Everything under /api/v1/tokens. */
export function tokenRoutes(deps: TokenRoutesDeps): (app: App) => void {
  return (app) => {
    listRoute(app, deps);
    createRoute(app, deps);
    deleteRoute(app, deps);
  };
}

function listRoute(app: App, deps: TokenRoutesDeps): void {
  app.get("/api/v1/tokens", {
    config: { action: "token.read" },
    schema: {
      operationId: "listTokens",
      summary: "List tokens, without their secrets",
      tags: TAGS,
      response: { 200: tokenList },
    },
    handler: async () => ({ data: (await deps.tokens.list()).map(toView) }),
  });
}

function createRoute(app: App, deps: TokenRoutesDeps): void {
  app.post("/api/v1/tokens", {
    config: { action: "token.write" },
    schema: {
      operationId: "createToken",
      summary: "Make a token; its secret is shown in this answer only",
      tags: TAGS,
      body: createTokenRequest,
      response: { 201: createdToken },
    },
    handler: async (request, reply) => {
      const { name, expiresIn } = request.body;
      const { token, text } = await createToken(deps, { name, expiresInMs: toLifeMs(expiresIn) });
      const entry = {
        action: "token.write",
        object: token.id,
        outcome: "allowed",
        detail: { verb: "create", name },
      } as const;
      await deps.audit.record({ caller: callerOf(request), ...entry });
      return reply.code(201).send({ ...toView(token), secret: text });
    },
  });
}

function deleteRoute(app: App, deps: TokenRoutesDeps): void {
  app.delete("/api/v1/tokens/:id", {
    config: { action: "token.write" },
    schema: {
      operationId: "deleteToken",
      summary: "Delete a token; it stops working at once",
      tags: TAGS,
      params: tokenParams,
      response: {
        204: z.null().meta({ description: "It is gone" }),
        ...problemResponses(404, 409),
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const { name } = await deps.tokens.delete(id, deps.now());
      const entry = {
        action: "token.write",
        object: id,
        outcome: "allowed",
        detail: { verb: "delete", name },
      } as const;
      await deps.audit.record({ caller: callerOf(request), ...entry });
      return reply.code(204).send(null);
    },
  });
}

function toLifeMs(expiresIn: string | undefined): number | undefined {
  if (expiresIn === undefined) return undefined;
  const lifeMs = parseDurationMs(expiresIn);
  if (lifeMs > 0 && lifeMs <= LONGEST_LIFE_MS) return lifeMs;
  throw new AppError("BODY_INVALID", {
    detail: `A token can not expire in ${expiresIn}.`,
    hint: "Give a span between 1ms and 36500d, or leave expiresIn out for a token without an end.",
    errors: [{ pointer: "/expiresIn", detail: "must be more than nothing and at most 36500d" }],
  });
}

function toView(token: StoredToken): Token {
  return {
    id: token.id,
    name: token.name,
    createdAt: new Date(token.createdAtMs).toISOString(),
    expiresAt: toTime(token.expiresAtMs),
    lastUsedAt: toTime(token.lastUsedAtMs),
  };
}

function toTime(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}
