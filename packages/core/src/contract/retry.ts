import { z } from "zod";
import { findDurationMs } from "../duration.ts";
import { durationText } from "./shared.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const span = durationText.refine((text) => (findDurationMs(text) ?? 0) <= DAY_MS, "at most 24h");

/** Tries again where a script has ended and did not succeed; never where we can not know how it ended. */
export const retryRequest = z
  .strictObject({
    attempts: z.number().int().min(2).max(20).meta({ description: "in all, with the first" }),
    backoff: span.default("10s").meta({
      description: "before the second attempt; twice as long before each further one",
    }),
    maxBackoff: span.default("10m").meta({ description: "no wait is longer" }),
    on: z
      .array(z.enum(["failed", "timed-out"]))
      .min(1)
      .max(2)
      .default(["failed"]),
  })
  .meta({ id: "Retry" });
export type RetryRequest = z.infer<typeof retryRequest>;
