import { z } from "zod";
import type { App } from "./app.ts";
import { addCommonResponses } from "./common-responses.ts";
import type { KnownAddresses } from "./known-addresses.ts";

interface SeenRoute {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly config?: { readonly action?: string | undefined } | undefined;
}

/** What holds for every route: it names its action, says how it refuses, and takes no unknown query value. */
export function addRouteRules(app: App, addresses: KnownAddresses): void {
  const seen: SeenRoute[] = [];
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
function assertActions(routes: readonly SeenRoute[]): void {
  const open = routes.filter((route) => !route.config?.action);
  if (open.length === 0) return;
  const names = open.map((route) => `${String(route.method)} ${route.url}`);
  throw new Error(`These routes name no action in their config: ${names.join(", ")}`);
}
