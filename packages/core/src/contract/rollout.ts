import { z } from "zod";
import { findDurationMs } from "../duration.ts";
import { ON_ERROR } from "./choices.ts";
import { durationText, timestamp } from "./shared.ts";

const MOST = 100_000;

/** A number of targets, or a share of them. */
const amount = z.union([
  z.number().int().min(0).max(MOST),
  z.string().regex(/^(\d{1,5}|\d{1,3}%)$/, 'write a number or a share, such as 5 or "10%"'),
]);
/** At least one target; a share is rounded down to whole targets, and to one. */
const positiveAmount = amount.refine(
  (value) => !/^0+%?$/.test(String(value)),
  "must be more than nothing",
);
export type Amount = z.infer<typeof amount>;

const DAY_MS = 24 * 60 * 60 * 1000;

/** When no option and no header say how many go on at once. */
export const DEFAULT_AT_ONCE = 50;

const onError = z.enum(ON_ERROR);

/** What a script's header may say of a rollout: the parts of a run's `rollout` that have these names. */
export const rolloutDefaults = z
  .object({
    maxConcurrency: positiveAmount.optional(),
    onError: onError.optional(),
    maxErrors: amount.optional(),
  })
  .meta({ id: "RolloutDefaults" });
export type RolloutDefaults = z.infer<typeof rolloutDefaults>;

/** At most a day. */
const span = durationText.refine((text) => (findDurationMs(text) ?? 0) <= DAY_MS, "at most 24h");

const probe = z
  .strictObject({
    argv: z.array(z.string()).min(1).max(100).optional(),
    text: z.string().min(1).max(65_536).optional().meta({ description: "a script" }),
    interpreter: z.string().min(1).max(256).optional().meta({ description: "of the script (sh)" }),
    user: z.string().max(256).optional(),
  })
  .refine(({ argv, text }) => (argv === undefined) !== (text === undefined), {
    message: "give exactly one of argv and text",
  })
  .refine(({ argv, interpreter }) => argv === undefined || interpreter === undefined, {
    message: "a command line has no interpreter",
  });

export const healthRequest = z
  .strictObject({
    healthcheck: z.boolean().default(false).meta({
      description:
        "every container's own HEALTHCHECK says healthy, by a check that came after the batch",
    }),
    restarts: z.boolean().default(false).meta({
      description: "no container ended or restarted since the run was accepted",
    }),
    probe: probe.optional().meta({
      description: "is run in every container, again and again, until it ends with exit code 0",
    }),
    timeout: span.default("1m").meta({ description: "for all of it together" }),
  })
  .refine(({ healthcheck, restarts, probe: asked }) => healthcheck || restarts || asked, {
    message: "say what is looked at: healthcheck, restarts or probe",
  });
export type HealthRequest = z.infer<typeof healthRequest>;

export const rolloutRequest = z
  .strictObject({
    maxConcurrency: positiveAmount.optional().meta({
      description:
        "so many targets at once, or this share of them; else what the script's header says (50)",
      example: "10%",
    }),
    maxErrors: amount.optional().meta({
      description:
        "the rollout stops when more targets than this have failed, timed out or are lost; without it and onError what the script's header says (0)",
      example: 2,
    }),
    onError: onError.optional().meta({
      description: "continue: whatever number of errors stops nothing",
    }),
    order: z
      .string()
      .regex(/^(name|random|label=.{1,256})$/, "write name, random or label=KEY")
      .default("name")
      .meta({ description: "by name, by a label's value, or by chance" }),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .optional()
      .meta({ description: "the same seed and targets give the same order by chance" }),
    canary: positiveAmount.optional().meta({ description: "so many before all others" }),
    batch: positiveAmount.optional().meta({
      description: "so many in a batch; one begins when the one before has ended",
    }),
    pause: span.optional().meta({ description: "between two batches" }),
    health: healthRequest.optional().meta({
      description: "what must hold for the containers of a batch before the next one begins",
    }),
  })
  .refine(({ maxErrors, onError }) => maxErrors === undefined || onError !== "continue", {
    message: "maxErrors says nothing where errors do not stop it",
    path: ["maxErrors"],
  })
  .refine(({ seed, order }) => seed === undefined || order === "random", {
    message: "only the order random has a seed",
    path: ["seed"],
  })
  .refine(({ pause, batch, canary }) => pause === undefined || (batch ?? canary) !== undefined, {
    message: "a pause is between batches: give batch or canary",
    path: ["pause"],
  })
  .refine(({ health, batch, canary }) => health === undefined || (batch ?? canary) !== undefined, {
    message: "health is looked at between batches: give batch or canary",
    path: ["health"],
  })
  .meta({ id: "Rollout" });
export type RolloutRequest = z.infer<typeof rolloutRequest>;

/** What the rollout waits for between two batches, and why it stopped. */
export const rolloutProgress = z
  .object({
    waitsFor: z
      .object({
        kind: z.enum(["pause", "health"]),
        batch: z.number().int().meta({ description: "the one that begins next, from 1" }),
        until: timestamp.meta({ description: "when the pause ends, or the time for the health" }),
      })
      .nullable(),
    stopped: z
      .object({
        code: z.enum(["rollout-stopped", "health-failed"]),
        detail: z.string(),
        at: timestamp,
      })
      .nullable(),
  })
  .meta({ id: "RolloutProgress" });
export type RolloutProgressView = z.infer<typeof rolloutProgress>;

/** What a rollout's amounts came to for the targets that were found. */
export const rolloutPlanView = z
  .object({
    maxConcurrency: z.number().int(),
    maxErrors: z.number().int().nullable().meta({ description: "null: errors do not stop it" }),
    order: z.string(),
    seed: z.number().int().nullable(),
    batches: z.array(z.number().int()).meta({ description: "how many targets each has" }),
    pauseMs: z.number().int(),
    health: z
      .object({
        healthcheck: z.boolean(),
        restarts: z.boolean(),
        probe: z.string().nullable(),
        timeoutMs: z.number().int(),
      })
      .nullable(),
  })
  .meta({ id: "RolloutPlan" });
export type RolloutPlanView = z.infer<typeof rolloutPlanView>;

export const rolloutGate = z.object({
  batch: z.number().int().meta({ description: "the one whose containers were looked at, from 1" }),
  state: z.enum(["checking", "passed", "failed"]),
  detail: z.string(),
  startedAt: timestamp,
  finishedAt: timestamp.nullable(),
});
export type RolloutGateView = z.infer<typeof rolloutGate>;

export const rolloutView = rolloutPlanView
  .extend({ ...rolloutProgress.shape, gates: z.array(rolloutGate) })
  .meta({ id: "RolloutView" });
export type RolloutView = z.infer<typeof rolloutView>;
