import { z } from "zod";
import { pageOf, targetId, timestamp } from "./shared.ts";

export const targetState = z.enum(["running", "paused", "restarting"]);
export const targetHealth = z.enum(["starting", "healthy", "unhealthy", "none"]);

/** One running container on an engine. */
export const target = z
  .object({
    id: targetId,
    name: z.string(),
    engine: z.string(),
    containerId: z.string(),
    image: z.string(),
    state: targetState,
    health: targetHealth,
    project: z.string().nullable().meta({ description: "compose project" }),
    service: z.string().nullable().meta({ description: "compose service" }),
    labels: z.record(z.string(), z.string()),
    startedAt: timestamp.nullable(),
  })
  .meta({ id: "Target" });
export type Target = z.infer<typeof target>;

export const targetPage = pageOf(target)
  .extend({ total: z.number().int() })
  .meta({ id: "TargetPage" });
export type TargetPage = z.infer<typeof targetPage>;

export const targetQuery = z.strictObject({
  on: z.union([z.string().transform((one) => [one]), z.array(z.string()).max(100)]).optional(),
  except: z.union([z.string().transform((one) => [one]), z.array(z.string()).max(100)]).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  after: z.string().max(512).optional(),
});
export type TargetQuery = z.infer<typeof targetQuery>;

export const engineView = z
  .object({
    name: z.string(),
    address: z.string(),
    product: z.enum(["docker", "podman"]).nullable(),
    version: z.string().nullable(),
    apiVersion: z.string().nullable(),
    state: z.enum(["connecting", "up", "down"]),
    problem: z.string().nullable(),
    targets: z.number().int(),
  })
  .meta({ id: "Engine" });
export type EngineView = z.infer<typeof engineView>;
export const engineList = z.object({ data: z.array(engineView) }).meta({ id: "EngineList" });
