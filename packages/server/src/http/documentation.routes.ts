import { readFileSync } from "node:fs";
import { ERROR_CATALOG, type ErrorCode } from "@deckhand/core";
import swaggerUi from "@fastify/swagger-ui";
import { z } from "zod";
import type { App } from "./app.ts";
import { type ApiDescription, describeApi } from "./describe-api.ts";
import { toErrorPage } from "./error-page.ts";

/** The bar on top would only ask for another address. */
const PAGE_STYLE = ".swagger-ui .topbar { display: none }";

/** Everything that the page needs comes from here: no other host is asked for anything. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const ERRORS_DOCUMENT = new URL("../../../../docs/errors.md", import.meta.url);

const errorParams = z.strictObject({
  code: z
    .enum(Object.keys(ERROR_CATALOG) as [ErrorCode, ...ErrorCode[]])
    .meta({ example: "PARAM_INVALID" }),
});

/** /openapi.json, the browsable /docs, and a page for each error at /docs/errors/CODE. */
export function documentationRoutes(): (app: App) => Promise<void> {
  return async (app) => {
    const describe = describeOnce(app);
    openapiRoute(app, describe);
    errorPageRoute(app);
    await app.register(async (scope) => {
      scope.addHook("onRoute", (route) => {
        route.config = { ...route.config, action: "public" };
      });
      await scope.register(swaggerUi, {
        routePrefix: "/docs",
        staticCSP: PAGE_POLICY,
        theme: { title: "Deckhand API", css: [{ filename: "deckhand.css", content: PAGE_STYLE }] },
        uiConfig: {
          docExpansion: "list",
          persistAuthorization: false,
          syntaxHighlight: { activate: true },
        },
        transformSpecificationClone: false,
        transformSpecification: () => describe() as unknown as Record<string, unknown>,
      });
    });
  };
}

function describeOnce(app: App): () => ApiDescription {
  let description: ApiDescription | undefined;
  return () => {
    description ??= describeApi(app);
    return description;
  };
}

function openapiRoute(app: App, describe: () => ApiDescription): void {
  app.get("/openapi.json", {
    config: { action: "public" },
    schema: {
      operationId: "getOpenapi",
      summary: "This description, as OpenAPI 3.1",
      tags: ["server"],
      response: { 200: z.looseObject({ openapi: z.string() }) },
    },
    handler: async () => describe() as unknown as { openapi: string },
  });
}

function errorPageRoute(app: App): void {
  const document = readFileSync(ERRORS_DOCUMENT, "utf8");
  app.get("/docs/errors/:code", {
    config: { action: "public" },
    schema: {
      operationId: "getErrorPage",
      summary: "What an error means, why it comes, and what to do",
      tags: ["server"],
      params: errorParams,
      response: {
        200: { description: "A page", content: { "text/html": { schema: z.string() } } },
      },
    },
    handler: async (request, reply) => {
      reply.header("content-security-policy", PAGE_POLICY).type("text/html; charset=utf-8");
      return reply.send(toErrorPage(document, request.params.code));
    },
  });
}
