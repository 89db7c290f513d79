import { z } from "zod";
import type { App } from "../http/app.ts";
import type { Metrics } from "./metrics.ts";

export interface MetricsRoutesDeps {
  readonly metrics: Pick<Metrics, "registry">;
  /** True when a scraper needs no token. */
  readonly isPublic: boolean;
}

/** GET /metrics, in Prometheus' text format. */
export function metricsRoutes({ metrics, isPublic }: MetricsRoutesDeps): (app: App) => void {
  return (app) => {
    app.get("/metrics", {
      config: { action: isPublic ? "public" : "metrics.read" },
      schema: {
        operationId: "getMetrics",
        summary: "Metrics for Prometheus",
        tags: ["server"],
        response: {
          200: { description: "Metrics", content: { "text/plain": { schema: z.string() } } },
        },
      },
      handler: async (_request, reply) => {
        return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
      },
    });
  };
}
