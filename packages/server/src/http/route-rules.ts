import type { FastifyContextConfig } from "fastify";
import { z } from "zod";
import type { App } from "./app.ts";
import { addCommonResponses } from "./common-responses.ts";
import type { KnownAddresses } from "./known-addresses.ts";

export interface KnownRoute {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly config?: Pick<FastifyContextConfig, "action" | "examples"> | undefined;
  readonly schema?: { readonly operationId?: string | undefined } | undefined;
}

declare module "fastify" {
  interface FastifyInstance {
    /** Every route with its action, also those that the API's description leaves out. */
    readonly knownRoutes: readonly KnownRoute[];
  }
}

/** What holds for every route: it names its action, says how it refuses, and takes no unknown query value. */
export function addRouteRules(app: App, addresses: KnownAddresses): void {
  const seen: KnownRoute[] = [];
  app.decorate("knownRoutes", seen);
  app.addHook("onRoute", (route) => {
    seen.push(route);
    addresses.add(route.method, route.url);
    if (!route.schema || route.schema.hide) return;
    route.schema = { querystring: z.strictObject({}), ...route.schema };
    addCommonResponses(route, route.schema);
  });
  app.addHook("onReady", async () => assertActions(seen));
}

/** A route without an action does not start: nobody could say who may use it. */
function assertActions(routes: readonly KnownRoute[]): void {
  const open = routes.filter((route) => !route.config?.action);
  if (open.length === 0) return;
  const names = open.map((route) => `${String(route.method)} ${route.url}`);
  throw new Error(`These routes name no action in their config: ${names.join(", ")}`);
}
