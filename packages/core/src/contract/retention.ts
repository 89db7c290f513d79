import { z } from "zod";
import { runId, timestamp } from "./shared.ts";

export const retentionRules = z.object({
  outputAgeMs: z.number().int().nullable(),
  outputBytes: z.number().int().nullable(),
  runAgeMs: z.number().int().nullable(),
  runsPerScript: z.number().int().nullable(),
});

/** How much goes by one rule. */
const retentionPart = z.object({
  rule: z.enum(["outputAgeMs", "outputBytes", "runAgeMs", "runsPerScript"]),
  what: z.enum(["output", "run"]).meta({ description: "run: with everything of it" }),
  runs: z.number().int(),
  bytes: z.number().int().meta({ description: "of stored output" }),
  oldest: runId.meta({ description: "an example of what goes" }),
});

/** What retention would take, or took. */
export const retentionReport = z
  .object({
    rules: retentionRules.meta({ description: "null: this rule keeps everything" }),
    looked: z.number().int().meta({ description: "runs that were looked at" }),
    outputs: z.number().int().meta({ description: "runs of which only the output goes" }),
    runs: z.number().int().meta({ description: "runs that go with everything" }),
    bytes: z.number().int(),
    parts: z.array(retentionPart),
    at: timestamp,
    applied: z.boolean(),
  })
  .meta({ id: "RetentionReport" });
export type RetentionReport = z.infer<typeof retentionReport>;
