import { retentionReport } from "@deckhand/core";
import type { AuditLog } from "../audit/audit-log.ts";
import { callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import type { Retention } from "./retention.ts";

export interface RetentionRoutesDeps {
  readonly retention: Retention;
  readonly audit: AuditLog;
}

/** Everything under /api/v1/retention. */
export function retentionRoutes({ retention, audit }: RetentionRoutesDeps): (app: App) => void {
  return (app) => {
    app.get("/api/v1/retention/plan", {
      config: { action: "retention.read" },
      schema: {
        operationId: "planRetention",
        summary: "Show what the retention rules would take now, and change nothing",
        tags: ["runs"],
        response: { 200: retentionReport },
      },
      handler: () => retention.plan(),
    });
    app.post("/api/v1/retention/apply", {
      config: { action: "retention.apply" },
      schema: {
        operationId: "applyRetention",
        summary: "Apply the retention rules now, in place of at the next hour",
        tags: ["runs"],
        response: { 200: retentionReport },
      },
      handler: async (request) => {
        const report = await retention.apply();
        const { outputs, runs, bytes } = report;
        await audit.record({
          caller: callerOf(request),
          action: "retention.apply",
          object: null,
          outcome: "allowed",
          detail: { outputs, runs, bytes },
        });
        return report;
      },
    });
  };
}
