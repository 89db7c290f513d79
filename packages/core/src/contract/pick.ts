import { z } from "zod";
import { PICK_STRATEGIES } from "./choices.ts";

export const pickStrategy = z.enum(PICK_STRATEGIES).meta({
  description:
    "round-robin: the next ones each time; least-busy: the fewest executions of ours, then the least CPU; random: by chance",
});
export type PickStrategy = z.infer<typeof pickStrategy>;

/** Some of the targets that match, not all. */
export const pickRequest = z.strictObject({
  count: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .meta({ description: "how many; fewer when fewer match" }),
  strategy: pickStrategy.default("round-robin"),
});
export type PickRequest = z.infer<typeof pickRequest>;

/** Which were chosen, and why. */
export const pickView = z
  .object({
    count: z.number().int(),
    strategy: pickStrategy,
    matched: z.number().int().meta({ description: "of how many they were chosen" }),
    chosen: z.array(z.object({ target: z.string(), why: z.string() })),
  })
  .meta({ id: "Pick" });
export type PickView = z.infer<typeof pickView>;
