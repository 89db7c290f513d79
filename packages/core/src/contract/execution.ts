import { z } from "zod";
import { EXECUTION_STATES } from "../runs/execution-state.ts";
import { OUTCOME_REASONS, type OutcomeReasonCode } from "../runs/outcome-reason.ts";
import { executionId, runId, targetId, timestamp } from "./shared.ts";

export const executionState = z.enum(EXECUTION_STATES);

export const reasonCode = z.enum(
  Object.keys(OUTCOME_REASONS) as [OutcomeReasonCode, ...OutcomeReasonCode[]],
);

/** Which way into the container was used, and what holds for this execution because of it. */
export const guarantees = z
  .object({
    way: z.enum(["guard", "shell-files", "attached-exec", "direct-exec"]),
    durability: z.enum(["durable", "attached", "none"]).meta({
      description:
        "durable: nothing is lost with the connection or the server; attached: output and exit code are",
    }),
    stop: z
      .enum(["tree", "marker-sweep", "none"])
      .meta({ description: "what cancel and timeout reach" }),
    survivesServerRestart: z.boolean(),
  })
  .meta({ id: "Guarantees" });
export type Guarantees = z.infer<typeof guarantees>;

export const executionTarget = z.object({
  id: targetId,
  name: z.string(),
  engine: z.string(),
  containerId: z.string(),
  image: z.string(),
});

export const executionOutput = z.object({
  stdoutBytes: z.number().int().meta({ description: "written by the script, kept or not" }),
  stderrBytes: z.number().int(),
  storedBytes: z.number().int(),
  truncated: z.boolean(),
  complete: z.boolean().meta({ description: "false when output may be missing" }),
  expired: z.boolean().meta({ description: "true when retention took what was stored" }),
  stdout: z.string().optional(),
  stderr: z.string().optional(),
  encoding: z.enum(["utf-8", "base64"]).optional(),
  shortened: z
    .boolean()
    .optional()
    .meta({ description: "the text here is not all that is stored" }),
});

export const execution = z
  .object({
    id: executionId,
    runId,
    target: executionTarget,
    attempt: z.number().int().meta({ description: "from 1" }),
    retryOf: executionId.nullable().meta({ description: "the attempt before" }),
    retriedBy: executionId
      .nullable()
      .meta({ description: "the attempt behind it, which counts in its place" }),
    state: executionState,
    reason: z.object({ code: reasonCode, detail: z.string() }).nullable(),
    exitCode: z.number().int().nullable(),
    signal: z.string().nullable(),
    guarantees: guarantees.nullable(),
    queuedAt: timestamp,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
    queuedMs: z
      .number()
      .int()
      .nullable()
      .meta({ description: "from acceptance to the start of the start" }),
    startMs: z.number().int().nullable().meta({ description: "from there until the script ran" }),
    durationMs: z.number().int().nullable().meta({ description: "how long the script ran" }),
    output: executionOutput,
    usage: z
      .object({
        cpuMs: z.number().int(),
        maxMemoryBytes: z.number().int().meta({ description: "the most that one process had" }),
        oomKills: z.number().int(),
      })
      .nullable()
      .meta({ description: "null where the way does not tell" }),
    leftovers: z.array(z.object({ pid: z.number().int(), command: z.string() })).meta({
      description: "processes of the script that still ran when we last looked",
    }),
  })
  .meta({ id: "Execution" });
export type Execution = z.infer<typeof execution>;
