import type { DeckhandClient } from "@deckhand/client";
import type { Run, SameOutput, SameOutputGroup } from "@deckhand/core";
import { type CommandContext, writeAll } from "../command-context.ts";
import { sanitizeLine } from "../terminal/sanitize.ts";
import { frameBytes, type RunView } from "./run-view.ts";
import { toSummary } from "./summary.ts";

const WIDTH = 78;

interface SameOptions {
  readonly client: DeckhandClient;
  readonly plain: boolean;
}

/** Several targets: at the end each output once, with those that wrote it. */
export function sameView(context: CommandContext, { client, plain }: SameOptions): RunView {
  const { errorStyle, surroundings } = context;
  return {
    update: async () => {},
    finish: async (run: Run) => {
      await printSame(context, run.id, await client.groupSameOutput(run.id));
      const options = { server: client.server, plain, style: errorStyle, tails: new Map() };
      for (const line of toSummary(run, options)) surroundings.stderr.write(`${line}\n`);
    },
    notice: context.say,
  };
}

/** Prints each output once, under the names of those that wrote it; the largest group first. */
export async function printSame(
  context: CommandContext,
  runId: string,
  { data, total, open }: SameOutput,
): Promise<void> {
  for (const group of data) await printGroup(context, { runId, total, group });
  if (open > 0) context.say(`${open} of ${total} have not ended; they are in no group yet`);
}

interface ShownGroup {
  readonly runId: string;
  readonly total: number;
  readonly group: SameOutputGroup;
}

async function printGroup(context: CommandContext, { runId, total, group }: ShownGroup) {
  const { sample } = group;
  await context.print(`${context.style("bold", toHead(group, total))}\n`);
  await printStream(context, "stdout", sample);
  await printStream(context, "stderr", sample);
  if (sample.shortened)
    context.say(`there is more: deckhand logs ${runId} --on ${sample.executionId}`);
}

function toHead(group: SameOutputGroup, total: number): string {
  const head = `── ${group.count} of ${total}: ${group.targets}${toOutcome(group)} `;
  return head + "─".repeat(Math.max(2, WIDTH - head.length));
}

function toOutcome({ state, exitCode, signal }: SameOutputGroup): string {
  if (state === "succeeded") return "";
  if (signal !== null) return ` (${state}, ${signal})`;
  return state === "failed" && exitCode !== null ? ` (exit ${exitCode})` : ` (${state})`;
}

async function printStream(
  { surroundings, style, errorStyle }: CommandContext,
  stream: "stdout" | "stderr",
  sample: SameOutputGroup["sample"],
): Promise<void> {
  const text = sample[stream] ?? "";
  if (text === "") return;
  const bytes = frameBytes(sample.encoding === "base64" ? { base64: text } : { text });
  const keepColors = (stream === "stdout" ? style : errorStyle).isOn;
  const lines = bytes.toString().replace(/\n$/, "").split("\n");
  const clean = lines.map((line) => `${sanitizeLine(line, { keepColors })}\n`).join("");
  await writeAll(surroundings[stream], clean);
}
