import type { ExecutionUpdate } from "@deckhand/client";
import type { OutputFrame } from "@deckhand/core";
import { type CommandContext, writeAll } from "../command-context.ts";
import { sanitizeLine } from "../terminal/sanitize.ts";
import { LineAssembler } from "./line-assembler.ts";
import { frameBytes, type RunView } from "./run-view.ts";
import { toSummary } from "./summary.ts";

interface GroupOptions {
  readonly server: string;
  readonly plain: boolean;
}

interface GroupedLine {
  readonly stream: OutputFrame["stream"];
  readonly text: string;
}

const STREAMS = ["stdout", "stderr"] as const;

/** Several targets: each one's lines in one block when it ends. */
export function groupView(context: CommandContext, options: GroupOptions): RunView {
  const { surroundings, style, errorStyle } = context;
  const lines = new LineAssembler();
  const blocks = new Map<string, GroupedLine[]>();
  const told = new Set<string>();

  function takeOutput({ executionId, stream, ...frame }: OutputFrame): void {
    const block = blocks.get(executionId) ?? [];
    blocks.set(executionId, block);
    const whole = lines.push(`${executionId}/${stream}`, frameBytes(frame));
    block.push(...whole.map((text) => ({ stream, text })));
  }

  async function printBlock({ id, target }: ExecutionUpdate): Promise<void> {
    told.add(id);
    const rest = STREAMS.flatMap((stream) =>
      lines.end(`${id}/${stream}`).map((text) => ({ stream, text })),
    );
    await context.print(`${style("bold", `── ${target} ──`)}\n`);
    for (const line of [...(blocks.get(id) ?? []), ...rest]) await printLine(line);
    blocks.delete(id);
  }

  async function printLine({ stream, text }: GroupedLine): Promise<void> {
    const keepColors = (stream === "stdout" ? style : errorStyle).isOn;
    await writeAll(surroundings[stream], `${sanitizeLine(text, { keepColors })}\n`);
  }

  return {
    update: async (update) => {
      if (update.event === "output") takeOutput(update.data);
      if (update.event !== "execution") return;
      if (update.data.finishedAt !== null && !told.has(update.data.id))
        await printBlock(update.data);
    },
    finish: async (run) => {
      const summary = toSummary(run, { ...options, style: errorStyle, tails: new Map() });
      for (const line of summary) surroundings.stderr.write(`${line}\n`);
    },
    notice: context.say,
  };
}
