import type { OutputFrame, Run } from "@deckhand/core";
import { type CommandContext, writeAll } from "../command-context.ts";
import { sanitizeLine } from "../terminal/sanitize.ts";
import type { Style } from "../terminal/style.ts";
import { LineAssembler } from "./line-assembler.ts";
import { toRemarks } from "./raw-view.ts";
import { frameBytes, type RunView } from "./run-view.ts";
import { toSummary } from "./summary.ts";
import { Tails } from "./tails.ts";

const NAME_COLORS = ["cyan", "magenta", "yellow", "blue", "green"] as const;

export interface PrefixViewOptions {
  readonly server: string;
  readonly names: readonly string[];
  readonly plain: boolean;
  /** Without it the end says nothing of its own. */
  readonly withSummary: boolean;
}

/** Several targets in a pipe: `name | line`, whole lines only. */
export function prefixView(context: CommandContext, options: PrefixViewOptions): RunView {
  const { surroundings, style, errorStyle, say } = context;
  const lines = new LineAssembler();
  const tails = new Tails();
  const width = Math.max(0, ...options.names.map((name) => name.length));
  const sources = new Map<string, OutputFrame>();

  async function writeLines(frame: OutputFrame, whole: readonly string[]): Promise<void> {
    const stream = frame.stream === "stdout" ? surroundings.stdout : surroundings.stderr;
    const paint = frame.stream === "stdout" ? style : errorStyle;
    const prefix = toPrefix(frame.target, { width, style: paint, names: options.names });
    for (const line of whole) {
      tails.push(frame.executionId, line);
      await writeAll(
        stream,
        `${prefix}${sanitizeLine(line.replace(/\r$/, ""), { keepColors: paint.isOn })}\n`,
      );
    }
  }

  return {
    update: async (update) => {
      if (update.event !== "output") return;
      const frame = update.data;
      const source = `${frame.executionId}/${frame.stream}`;
      sources.set(source, frame);
      await writeLines(frame, lines.push(source, frameBytes(frame)));
    },
    finish: async (run: Run) => {
      for (const [source, frame] of sources) await writeLines(frame, lines.end(source));
      if (!options.withSummary) return;
      const { server, plain } = options;
      for (const line of toSummary(run, { style: errorStyle, server, plain, tails: new Map() }))
        surroundings.stderr.write(`${line}\n`);
      for (const line of toRemarks(run).filter((remark) => /left running|output/.test(remark)))
        say(line);
    },
    notice: say,
  };
}

interface PrefixLook {
  readonly width: number;
  readonly style: Style;
  readonly names: readonly string[];
}

function toPrefix(name: string, { width, style, names }: PrefixLook): string {
  const color = NAME_COLORS[Math.max(0, names.indexOf(name)) % NAME_COLORS.length] ?? "cyan";
  return style(color, `${name.padEnd(width)} | `);
}
