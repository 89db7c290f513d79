import { AppError, auditPage, auditQuery } from "@deckhand/core";
import type { App } from "../http/app.ts";
import type { AuditLog } from "./audit-log.ts";

/** GET /api/v1/audit. */
export function auditRoutes(deps: { readonly audit: AuditLog }): (app: App) => void {
  return (app) => {
    app.get("/api/v1/audit", {
      config: { action: "audit.read" },
      schema: {
        operationId: "listAudit",
        summary: "List who did what, newest first",
        tags: ["access"],
        querystring: auditQuery,
        response: { 200: auditPage },
      },
      handler: async ({ query }) => {
        const { action, object, limit } = query;
        const entries = await deps.audit.list({
          action,
          object,
          limit: limit + 1,
          beforeId: toEntryId(query.after),
        });
        const data = entries.slice(0, limit);
        return { data, next: entries.length > limit ? String(data.at(-1)?.id) : null };
      },
    });
  };
}

function toEntryId(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw new AppError("CURSOR_INVALID", {
    detail: `${JSON.stringify(cursor.slice(0, 100))} is no cursor of this list.`,
    hint: "Give `next` of the page before, or nothing for the first page.",
  });
}
