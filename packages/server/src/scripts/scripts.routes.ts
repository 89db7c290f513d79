import {
  checkScriptAnswer,
  checkScriptRequest,
  createScriptRequest,
  listScriptsQuery,
  parseScriptHeader,
  type Script,
  scriptForm,
  scriptPage,
  script as scriptSchema,
  scriptVersionList,
  toHeaderView,
  toScriptForm,
  updateScriptRequest,
} from "@deckhand/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { AuditLog } from "../audit/audit-log.ts";
import { callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import type { ScriptLibrary } from "./script-library.ts";
import { toScriptPage } from "./script-page.ts";

export interface ScriptRoutesDeps {
  readonly library: ScriptLibrary;
  readonly audit: Pick<AuditLog, "record">;
}

const TAGS = ["scripts"];
const nameParam = z
  .string()
  .min(1)
  .max(300)
  .meta({ example: "db/vacuum", description: "name or path, URL-encoded: `db%2Fvacuum`" });
const nameParams = z.strictObject({ name: nameParam });
const versionParams = z.strictObject({
  name: nameParam,
  version: z.coerce.number().int().min(1).max(999_999_999),
});
const formQuery = z.strictObject({
  version: z.coerce.number().int().min(1).max(999_999_999).optional(),
});
const matchHeaders = z.looseObject({
  "if-match": z
    .string()
    .regex(/^"[^"]{1,200}"$/, "the ETag of the version that was read, in quotes")
    .meta({ description: "the ETag of the version that was read", example: `"${"0".repeat(64)}"` }),
});
const readHeaders = z.looseObject({
  "if-none-match": z
    .string()
    .max(4_096)
    .optional()
    .meta({ description: "answers 304 when the script still has this ETag" }),
});
const noContent = z.null().meta({ description: "It is gone; its versions stay readable" });
const notModified = z.null().meta({ description: "It is as you have it" });

const EXAMPLE_TEXT =
  "#!/usr/bin/env bash\n# @deckhand 1\n# @title Disk space\n# @user  postgres\ndf -h /var/lib/postgresql\n";

/** Everything under /api/v1/scripts. */
export function scriptRoutes(deps: ScriptRoutesDeps): (app: App) => void {
  return (app) => {
    listRoute(app, deps);
    createRoute(app, deps);
    checkRoute(app);
    getRoute(app, deps);
    updateRoute(app, deps);
    deleteRoute(app, deps);
    versionRoutes(app, deps);
  };
}

function listRoute(app: App, { library }: ScriptRoutesDeps): void {
  app.get("/api/v1/scripts", {
    config: { action: "script.read" },
    schema: {
      operationId: "listScripts",
      summary: "List scripts by name",
      description: "Files that can not be run are listed too, with their problems.",
      tags: TAGS,
      querystring: listScriptsQuery,
      response: { 200: scriptPage, ...problemResponses(400) },
    },
    handler: async ({ query }) => toScriptPage(await library.list(), query),
  });
}

function createRoute(app: App, { library, audit }: ScriptRoutesDeps): void {
  app.post("/api/v1/scripts", {
    config: {
      action: "script.write",
      examples: {
        request: {
          bash: { summary: "A bash script", value: { path: "db/disk.sh", text: EXAMPLE_TEXT } },
        },
      },
    },
    schema: {
      operationId: "createScript",
      summary: "Put a new script into the library",
      tags: TAGS,
      body: createScriptRequest,
      response: { 201: scriptSchema, ...problemResponses(400, 409, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const created = await library.create(request.body);
      await audit.record(toEntry(request, "create", created));
      reply.header("location", toUrl(created.name));
      return withETag(reply, created).code(201).send(created);
    },
  });
}

function checkRoute(app: App): void {
  app.post("/api/v1/scripts/check", {
    config: {
      action: "script.read",
      examples: {
        request: {
          bash: { summary: "A bash script", value: { path: "db/disk.sh", text: EXAMPLE_TEXT } },
        },
      },
    },
    schema: {
      operationId: "checkScript",
      summary: "Read a script's header and say what is wrong with it; nothing is kept",
      tags: TAGS,
      body: checkScriptRequest,
      response: { 200: checkScriptAnswer, ...problemResponses(400, 413, 415) },
    },
    handler: async ({ body }) => {
      const { header, problems } = parseScriptHeader(body.text, body.path);
      return { header: toHeaderView(header), problems: [...problems] };
    },
  });
}

function getRoute(app: App, { library }: ScriptRoutesDeps): void {
  app.get("/api/v1/scripts/:name", {
    config: { action: "script.read" },
    schema: {
      operationId: "getScript",
      summary: "Read a script's newest version",
      tags: TAGS,
      params: nameParams,
      headers: readHeaders,
      response: { 200: scriptSchema, 304: notModified, ...problemResponses(400, 404, 422) },
    },
    handler: async (request, reply) => {
      const found = await library.get(request.params.name);
      withETag(reply, found);
      return isKnown(request.headers["if-none-match"], found)
        ? reply.code(304).send(null)
        : reply.code(200).send(found);
    },
  });
}

function updateRoute(app: App, { library, audit }: ScriptRoutesDeps): void {
  app.put("/api/v1/scripts/:name", {
    config: {
      action: "script.write",
      examples: { request: { bash: { summary: "The new text", value: { text: EXAMPLE_TEXT } } } },
    },
    schema: {
      operationId: "updateScript",
      summary: "Replace a script's text, if nobody else did since it was read",
      tags: TAGS,
      params: nameParams,
      headers: matchHeaders,
      body: updateScriptRequest,
      response: { 200: scriptSchema, ...problemResponses(400, 404, 409, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const ifMatch = unquote(request.headers["if-match"]);
      const updated = await library.update({
        name: request.params.name,
        ...request.body,
        ifMatch,
      });
      await audit.record(toEntry(request, "update", updated));
      return withETag(reply, updated).code(200).send(updated);
    },
  });
}

function deleteRoute(app: App, { library, audit }: ScriptRoutesDeps): void {
  app.delete("/api/v1/scripts/:name", {
    config: { action: "script.write" },
    schema: {
      operationId: "deleteScript",
      summary: "Remove a script from the library; its versions stay readable",
      tags: TAGS,
      params: nameParams,
      headers: matchHeaders,
      response: { 204: noContent, ...problemResponses(400, 404, 409, 422) },
    },
    handler: async (request, reply) => {
      const { name } = request.params;
      const sha256 = unquote(request.headers["if-match"]);
      await library.remove({ name, ifMatch: sha256 });
      await audit.record(toEntry(request, "delete", { name, sha256 }));
      return reply.code(204).send(null);
    },
  });
}

function versionRoutes(app: App, { library }: ScriptRoutesDeps): void {
  app.get("/api/v1/scripts/:name/versions", {
    config: { action: "script.read" },
    schema: {
      operationId: "listScriptVersions",
      summary: "List a script's versions, newest first, also of one that is gone",
      tags: TAGS,
      params: nameParams,
      response: { 200: scriptVersionList, ...problemResponses(400, 404, 422) },
    },
    handler: async ({ params }) => ({ data: [...(await library.listVersions(params.name))] }),
  });
  app.get("/api/v1/scripts/:name/form", {
    config: { action: "script.read" },
    schema: {
      operationId: "getScriptForm",
      summary: "Describe what a script takes: fields for a form, and a JSON Schema",
      tags: TAGS,
      params: nameParams,
      querystring: formQuery,
      response: { 200: scriptForm, ...problemResponses(400, 404, 422) },
    },
    handler: async ({ params: { name }, query: { version } }) => {
      const found =
        version === undefined ? await library.get(name) : await library.getVersion(name, version);
      return toScriptForm(parseScriptHeader(found.text, found.path).header);
    },
  });
  app.get("/api/v1/scripts/:name/versions/:version", {
    config: { action: "script.read" },
    schema: {
      operationId: "getScriptVersion",
      summary: "Read a script as it was",
      tags: TAGS,
      params: versionParams,
      response: { 200: scriptSchema, ...problemResponses(400, 404, 422) },
    },
    handler: async ({ params }, reply) => {
      const found = await library.getVersion(params.name, params.version);
      return withETag(reply, found).code(200).send(found);
    },
  });
}

/** Keeps the type of the reply that the route knows. */
function withETag<Reply extends Pick<FastifyReply, "header">>(
  reply: Reply,
  { sha256 }: Pick<Script, "sha256">,
): Reply {
  reply.header("etag", `"${sha256}"`);
  return reply;
}

function isKnown(header: string | undefined, { sha256 }: Script): boolean {
  const tags = header?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return tags.includes("*") || tags.includes(`"${sha256}"`);
}

function unquote(tag: string): string {
  return tag.slice(1, -1);
}

function toUrl(name: string): string {
  return `/api/v1/scripts/${encodeURIComponent(name)}`;
}

function toEntry(
  request: FastifyRequest,
  verb: string,
  changed: Pick<Script, "name" | "sha256"> & { version?: number },
) {
  const { name, ...detail } = {
    name: changed.name,
    sha256: changed.sha256,
    version: changed.version,
  };
  return {
    caller: callerOf(request),
    action: "script.write",
    object: name,
    outcome: "allowed",
    detail: { verb, ...detail },
  } as const;
}
