import { z } from "zod";
import { execution, executionOutput } from "./execution.ts";
import { executionId } from "./shared.ts";

export const sameOutputQuery = z.strictObject({
  by: z.enum(["normalised", "exact"]).default("normalised").meta({
    description:
      "normalised: without times, durations, ids, addresses, process numbers, colours and the target's own name; exact: byte for byte",
  }),
});

/** Executions that ended in the same way and wrote the same. */
export const sameOutputGroup = z.object({
  hash: z
    .string()
    .meta({ description: "of the output and how it ended; the same in other runs too" }),
  count: z.number().int(),
  targets: z
    .string()
    .meta({ description: "their names in short", example: "pg-eu-[1-2,4] pg-us-1" }),
  state: execution.shape.state,
  reasonCode: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  variants: z.number().int().meta({ description: "how many different outputs, byte for byte" }),
  shortened: z.boolean().meta({ description: "more was written than was compared" }),
  members: z.array(z.object({ executionId, target: z.string(), engine: z.string() })),
  sample: z
    .object({ executionId, target: z.string() })
    .extend(
      executionOutput.pick({ stdout: true, stderr: true, encoding: true, shortened: true }).shape,
    )
    .meta({ description: "the first member's output, up to 64 KiB a stream and 1 MiB in all" }),
});
export type SameOutputGroup = z.infer<typeof sameOutputGroup>;

export const sameOutput = z
  .object({
    data: z.array(sameOutputGroup).meta({ description: "the largest group first" }),
    total: z.number().int().meta({ description: "executions of the run" }),
    open: z.number().int().meta({ description: "those that have not ended, and are in no group" }),
  })
  .meta({ id: "SameOutput" });
export type SameOutput = z.infer<typeof sameOutput>;
