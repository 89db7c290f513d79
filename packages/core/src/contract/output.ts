import { z } from "zod";
import { executionId, runId } from "./shared.ts";

export const outputStream = z.enum(["stdout", "stderr"]);

/**
 * A piece of output. `seq` grows over all executions of a run, with gaps within one execution. `text` is whole
 * UTF-8 characters; where the bytes are none, `base64` holds them and `text` is absent.
 */
export const outputFrame = z
  .object({
    seq: z.number().int().positive(),
    executionId,
    target: z.string().meta({ description: "the target's name" }),
    stream: outputStream,
    at: z.iso.datetime(),
    bytes: z.number().int(),
    text: z.string().optional(),
    base64: z.string().optional(),
  })
  .meta({ id: "OutputFrame" });
export type OutputFrame = z.infer<typeof outputFrame>;

export const outputPage = z
  .object({
    data: z.array(outputFrame),
    next: z.number().int().meta({ description: "give it as `after` to read on" }),
    complete: z.boolean().meta({ description: "true when nothing more will come" }),
  })
  .meta({ id: "OutputPage" });
export type OutputPage = z.infer<typeof outputPage>;

export const outputQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  execution: executionId.optional(),
  stream: outputStream.optional(),
});
export type OutputQuery = z.infer<typeof outputQuery>;

export const rawOutputQuery = z.strictObject({
  execution: executionId
    .optional()
    .meta({ description: "needed when the run has several executions" }),
  stream: z.enum(["stdout", "stderr", "both"]).default("both"),
  offset: z.coerce.number().int().min(0).default(0).meta({
    description: "leaves out the first bytes: how many you have already",
  }),
  follow: z.enum(["true", "false"]).default("false").meta({
    description: "also gives what comes, until the execution has ended",
  }),
});

export const eventQuery = z.strictObject({
  after: z.coerce.number().int().min(0).optional(),
  execution: executionId.optional(),
  encoding: z.enum(["text", "base64"]).default("text").meta({
    description:
      "base64: all output comes as `base64`, which takes a server and a program less time than text",
  }),
});

/** The events of a run's stream. Only `output` carries an id (its seq); the others are signals that may repeat. */
export const runEvent = z
  .discriminatedUnion("event", [
    z.object({ event: z.literal("output"), data: outputFrame }),
    z.object({
      event: z.literal("execution"),
      data: z.object({ id: executionId, runId, target: z.string(), state: z.string() }).loose(),
    }),
    z.object({ event: z.literal("run"), data: z.object({ id: runId, state: z.string() }).loose() }),
    z.object({ event: z.literal("end"), data: z.object({ id: runId, state: z.string() }).loose() }),
  ])
  .meta({ id: "RunEvent" });
