import type { ExecutionUpdate } from "@deckhand/client";
import type { RunSummary } from "@deckhand/core";
import type { CommandContext } from "../command-context.ts";
import { sanitizeLine } from "../terminal/sanitize.ts";
import { LineAssembler } from "./line-assembler.ts";
import { toLiveRows } from "./live-rows.ts";
import { toRemarks } from "./raw-view.ts";
import { frameBytes, type RunView } from "./run-view.ts";
import { toSummary } from "./summary.ts";
import { Tails } from "./tails.ts";

const REPAINT_MS = 100;

/** Several targets on a terminal: rows that change in place, on stderr; the scrollback stays whole. */
export function liveView(
  context: CommandContext,
  options: { readonly server: string; readonly title: string },
): RunView {
  const { stderr } = context.surroundings;
  const lines = new LineAssembler();
  const tails = new Tails();
  const executions = new Map<string, ExecutionUpdate>();
  const startedAtMs = Date.now();
  let run: RunSummary | undefined;
  let painted: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;

  function paint(): void {
    timer = undefined;
    const screen = {
      columns: stderr.columns ?? 80,
      rows: stderr.rows ?? 24,
      nowMs: Date.now(),
      style: context.errorStyle,
    };
    const state = {
      title: options.title,
      run,
      executions: [...executions.values()],
      lastLines: (id: string) => tails.last(id),
      startedAtMs,
    };
    const rows = toLiveRows(state, screen);
    if (rows.join("\n") === painted.join("\n")) return;
    stderr.write(`${toEraser(painted.length)}${rows.join("\n")}\n`);
    painted = rows;
  }

  function repaint(): void {
    timer ??= setTimeout(paint, REPAINT_MS);
  }

  function erase(): void {
    clearTimeout(timer);
    timer = undefined;
    stderr.write(toEraser(painted.length));
    painted = [];
  }

  const clock = setInterval(repaint, 1_000);

  return {
    update: async (update) => {
      if (update.event === "execution") executions.set(update.data.id, update.data);
      if (update.event === "run" || update.event === "end") run = update.data;
      if (update.event === "output") {
        const { executionId, stream } = update.data;
        for (const line of lines.push(`${executionId}/${stream}`, frameBytes(update.data)))
          tails.push(executionId, line);
      }
      repaint();
    },
    finish: async (ended) => {
      clearInterval(clock);
      erase();
      const clean = new Map(
        [...tails.all()].map(([id, kept]) => [
          id,
          kept.map((line) => sanitizeLine(line, { keepColors: false })),
        ]),
      );
      const summary = toSummary(ended, {
        style: context.errorStyle,
        server: options.server,
        plain: false,
        tails: clean,
      });
      for (const line of summary) stderr.write(`${line}\n`);
      for (const remark of toRemarks(ended).filter((one) => /left running|output/.test(one)))
        context.say(remark);
    },
    notice: (text) => {
      erase();
      context.say(text);
      repaint();
    },
  };
}

function toEraser(rows: number): string {
  return rows === 0 ? "" : `\u001b[${rows}A\r\u001b[0J`;
}
