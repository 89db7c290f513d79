import { AppError } from "@deckhand/core";
import { z } from "zod";
import type { App } from "./app.ts";

export interface ServerRoutesDeps {
  readonly version: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly startedAt: Date;
  readonly dataDir: string;
  /** Sentences about what can not be used now; empty when all is well. */
  readonly problems: () => Promise<readonly string[]>;
}

const health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });
const info = z
  .object({
    version: z.string().meta({ example: "0.1.0" }),
    startedAt: z.iso.datetime(),
    dataDir: z.string().meta({ example: "/var/lib/deckhand" }),
    limits: z
      .record(z.string(), z.number())
      .meta({ description: "bytes, milliseconds and counts" }),
  })
  .meta({ id: "Info" });

/** /healthz (the process answers), /readyz (it can work) and /api/v1/info. */
export function serverRoutes(deps: ServerRoutesDeps): (app: App) => void {
  return (app) => {
    healthRoute(app);
    readyRoute(app, deps);
    infoRoute(app, deps);
  };
}

function healthRoute(app: App): void {
  app.get("/healthz", {
    config: { action: "public" },
    schema: {
      operationId: "getHealth",
      summary: "Tell whether the server answers",
      tags: ["server"],
      response: { 200: health },
    },
    handler: async () => ({ status: "ok" as const }),
  });
}

function readyRoute(app: App, deps: ServerRoutesDeps): void {
  app.get("/readyz", {
    config: { action: "public" },
    schema: {
      operationId: "getReadiness",
      summary: "Tell whether runs can be accepted: the database and every engine are usable",
      tags: ["server"],
      response: { 200: health },
    },
    handler: async () => {
      const problems = await deps.problems();
      if (problems.length === 0) return { status: "ok" as const };
      throw new AppError("ENGINE_UNREACHABLE", {
        detail: problems.join(" "),
        hint: "See `deckhand engines` and the server's log.",
        extra: { retryAfterSeconds: 5 },
      });
    },
  });
}

function infoRoute(app: App, deps: ServerRoutesDeps): void {
  const { version, limits, startedAt, dataDir } = deps;
  app.get("/api/v1/info", {
    config: { action: "info.read" },
    schema: {
      operationId: "getInfo",
      summary: "Read the version and the limits",
      tags: ["server"],
      response: { 200: info },
    },
    handler: async () => ({ version, limits, dataDir, startedAt: startedAt.toISOString() }),
  });
}
