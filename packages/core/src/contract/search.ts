import { z } from "zod";
import { executionState } from "./execution.ts";
import { durationText, executionId, oneOrMany, pageQuery, runId, timestamp } from "./shared.ts";

export const searchQuery = pageQuery.extend({
  q: z.string().min(1).max(500).meta({
    description:
      'words that a line must have; "a phrase", conn* for a beginning, -word to leave out',
    example: "connection refused",
  }),
  in: oneOrMany(z.enum(["output", "scripts"])).meta({ description: "else output" }),
  target: z.string().max(300).optional().meta({ description: "a target's id or name" }),
  script: z.string().max(300).optional().meta({ description: "a stored script's name" }),
  state: oneOrMany(executionState).meta({ description: "how the execution ended" }),
  since: z
    .union([durationText, timestamp])
    .optional()
    .meta({ description: "ended since then: a time, or a span back from now" }),
});
export type SearchQuery = z.infer<typeof searchQuery>;

const found = {
  line: z.number().int().meta({ description: "counts from 1 in the stream or script" }),
  text: z.string().meta({ description: "the line, cut at 2,000 characters" }),
  matches: z.array(z.object({ from: z.number().int(), to: z.number().int() })).meta({
    description: "where the words stand in the text",
  }),
};

export const searchHit = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("output"),
      runId,
      executionId,
      target: z.string(),
      script: z.string().nullable(),
      state: executionState,
      finishedAt: timestamp,
      stream: z.enum(["stdout", "stderr"]),
      ...found,
      url: z.string(),
    }),
    z.object({
      kind: z.literal("script"),
      script: z.string(),
      version: z.number().int(),
      ...found,
      url: z.string(),
    }),
  ])
  .meta({ id: "SearchHit" });
export type SearchHit = z.infer<typeof searchHit>;
export type OutputHit = Extract<SearchHit, { kind: "output" }>;

export const searchPage = z
  .object({
    data: z.array(searchHit),
    next: z.string().nullable().meta({
      description: "there may be more; a page can be short, since one request only looks so long",
    }),
    pending: z.number().int().meta({ description: "executions that are not in the index yet" }),
  })
  .meta({ id: "SearchPage" });
export type SearchPage = z.infer<typeof searchPage>;
