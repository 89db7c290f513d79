import {
  type DefinitionView,
  definitionName,
  definitionQuery,
  toDefinitionTag,
} from "@deckhand/core";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import type { Action } from "../access/action.ts";
import { callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import type { Definition } from "./definition.ts";
import type { Definitions } from "./definitions.ts";

/** How one kind is offered over HTTP. */
export interface DefinitionRoutes<Body, Request, View extends DefinitionView> {
  readonly definitions: Definitions<Body>;
  /** `/api/v1/groups` */
  readonly path: string;
  /** In operation ids: `Group` and `Groups`. */
  readonly noun: { readonly one: string; readonly many: string };
  readonly tag: string;
  readonly actions: { readonly read: Action; readonly write: Action };
  readonly create: z.ZodType<Request & { name: string }>;
  readonly replace: z.ZodType<Request>;
  readonly view: z.ZodType<View>;
  readonly page: z.ZodType<{ data: View[]; next: string | null }>;
  /** Turns what was asked for into what is kept; throws to refuse it. `before` is what it replaces. */
  readonly toBody: (
    request: Request,
    before: Definition<Body> | undefined,
    name: string,
  ) => Promise<Body> | Body;
  /** Shows a definition, without what is secret. */
  readonly toView: (definition: Definition<Body>) => Promise<View> | View;
}

const nameParams = z.strictObject({ name: definitionName });
const matchHeaders = z.looseObject({
  "if-match": z
    .string()
    .regex(/^"[^"]{1,200}"$/, "the ETag of the version that was read, in quotes")
    .meta({
      description: "the ETag of the version that was read",
      example: '"grp_01k9g4z7e0s2m4n6p8q0r2t4v6.3"',
    }),
});
const noContent = z.null().meta({ description: "It is gone" });

/** What all kinds show of a definition, for their `toView`. */
export function toDefinitionView<Body>(definition: Definition<Body>): DefinitionView {
  const { id, name, version, by, createdAtMs, updatedAtMs } = definition;
  return {
    id,
    name,
    version,
    createdAt: new Date(createdAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
    by,
  };
}

/** Fastify's types can not be told for a kind that is not known yet; nothing here looks into a body. */
type ErasedRoutes = DefinitionRoutes<unknown, object, DefinitionView>;

/** List, create, read, replace and delete the definitions of one kind. */
export function definitionRoutes<Body, Request, View extends DefinitionView>(
  routes: DefinitionRoutes<Body, Request, View>,
): (app: App) => void {
  const erased = routes as unknown as ErasedRoutes;
  return (app) => {
    listRoute(app, erased);
    createRoute(app, erased);
    getRoute(app, erased);
    replaceRoute(app, erased);
    deleteRoute(app, erased);
  };
}

function listRoute(app: App, routes: ErasedRoutes): void {
  const { words } = routes.definitions.kind;
  app.get(routes.path, {
    config: { action: routes.actions.read },
    schema: {
      operationId: `list${routes.noun.many}`,
      summary: `List ${words.many} by name`,
      tags: [routes.tag],
      querystring: definitionQuery,
      response: { 200: routes.page },
    },
    handler: async ({ query: { limit, after } }) => {
      const found = await routes.definitions.list({ after, limit: limit + 1 });
      const data = found.slice(0, limit);
      const next = found.length > limit ? (data.at(-1)?.name ?? null) : null;
      return { data: await Promise.all(data.map(async (one) => routes.toView(one))), next };
    },
  });
}

function createRoute(app: App, routes: ErasedRoutes): void {
  const { words } = routes.definitions.kind;
  app.post(routes.path, {
    config: { action: routes.actions.write },
    schema: {
      operationId: `create${routes.noun.one}`,
      summary: `Make a new ${words.one}`,
      tags: [routes.tag],
      body: routes.create,
      response: { 201: routes.view, ...problemResponses(404, 409, 422) },
    },
    handler: async (request, reply) => {
      const { name, ...rest } = request.body;
      const body = await routes.toBody(rest, undefined, name);
      const made = await routes.definitions.create({ caller: callerOf(request), name, body });
      reply.code(201).header("location", `${routes.path}/${name}`);
      return show(routes, reply, made);
    },
  });
}

function getRoute(app: App, routes: ErasedRoutes): void {
  const { words } = routes.definitions.kind;
  app.get(`${routes.path}/:name`, {
    config: { action: routes.actions.read },
    schema: {
      operationId: `get${routes.noun.one}`,
      summary: `Read one ${words.one}`,
      tags: [routes.tag],
      params: nameParams,
      response: { 200: routes.view, ...problemResponses(404) },
    },
    handler: async ({ params }, reply) => {
      const found = await routes.definitions.get(params.name);
      return show(routes, reply, found);
    },
  });
}

function replaceRoute(app: App, routes: ErasedRoutes): void {
  const { words } = routes.definitions.kind;
  app.put(`${routes.path}/:name`, {
    config: { action: routes.actions.write },
    schema: {
      operationId: `replace${routes.noun.one}`,
      summary: `Replace the ${words.one}, if nobody else did since it was read`,
      tags: [routes.tag],
      params: nameParams,
      headers: matchHeaders,
      body: routes.replace,
      response: { 200: routes.view, ...problemResponses(404, 409, 422) },
    },
    handler: async (request, reply) => {
      const { name } = request.params;
      const before = await routes.definitions.get(name);
      const body = await routes.toBody(request.body, before, name);
      const ifMatch = request.headers["if-match"];
      const caller = callerOf(request);
      const replaced = await routes.definitions.replace({ caller, name, body, ifMatch });
      return show(routes, reply, replaced);
    },
  });
}

function deleteRoute(app: App, routes: ErasedRoutes): void {
  const { words } = routes.definitions.kind;
  app.delete(`${routes.path}/:name`, {
    config: { action: routes.actions.write },
    schema: {
      operationId: `delete${routes.noun.one}`,
      summary: `Delete the ${words.one}, if nobody changed it since it was read`,
      tags: [routes.tag],
      params: nameParams,
      headers: matchHeaders,
      response: { 204: noContent, ...problemResponses(404, 409) },
    },
    handler: async (request, reply) => {
      const ifMatch = request.headers["if-match"];
      const caller = callerOf(request);
      await routes.definitions.delete({ caller, name: request.params.name, ifMatch });
      return reply.code(204).send(null);
    },
  });
}

function show(
  { toView }: ErasedRoutes,
  reply: Pick<FastifyReply, "header">,
  definition: Definition<unknown>,
): Promise<DefinitionView> | DefinitionView {
  reply.header("etag", toDefinitionTag(definition));
  return toView(definition);
}
