import { z } from "zod";
import { oneOrMany, pageOf, targetId, timestamp } from "./shared.ts";

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

const countedBy = (what: string) =>
  z
    .array(z.object({ value: z.string(), count: z.number().int() }))
    .meta({ description: `by ${what}, the most frequent first` });

/** How many targets a choice has, and what was taken away on the way to them. */
export const targetCounts = z
  .object({
    matched: z.number().int().meta({ description: "of `on`, before anything is taken away" }),
    excepted: z.number().int().meta({ description: "taken away by `except`" }),
    besidesOne: z.number().int().meta({
      description: "taken away by `onePerService`, because another stands for the service",
    }),
    total: z.number().int(),
    byState: countedBy("state, or health where it is known"),
    byEngine: countedBy("engine"),
    byService: countedBy("compose project and service"),
  })
  .meta({ id: "TargetCounts" });
export type TargetCounts = z.infer<typeof targetCounts>;

export const targetPage = pageOf(target)
  .extend({
    total: z.number().int(),
    counts: targetCounts,
    noMatch: z
      .object({ detail: z.string(), hint: z.string() })
      .nullable()
      .meta({ description: "why nothing matches, when nothing does" }),
  })
  .meta({ id: "TargetPage" });
export type TargetPage = z.infer<typeof targetPage>;

const selectorText = z.string().max(5000);
export const targetQuery = z.strictObject({
  on: oneOrMany(selectorText),
  except: oneOrMany(selectorText),
  onePerService: z.enum(["true", "false"]).optional().meta({
    description: "one target of each compose service and engine, a healthy one where there is such",
  }),
  maxTargets: z.coerce.number().int().min(1).optional().meta({
    description: "refuse as a run would when more match",
  }),
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
