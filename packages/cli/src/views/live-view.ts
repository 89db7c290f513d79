import type { ExecutionUpdate } from "@deckhand/client";
import type { OutputFrame, RunSummary } from "@deckhand/core";
import type { CommandContext } from "../command-context.ts";
import { columnsOf } from "../terminal/columns.ts";
import { toOneLine } from "../terminal/sanitize.ts";
import { LineAssembler } from "./line-assembler.ts";
import { toLiveRows } from "./live-rows.ts";
import { toRemarks } from "./raw-view.ts";
import { frameBytes, type RunView } from "./run-view.ts";
import { toSummary } from "./summary.ts";
import { Tails } from "./tails.ts";

const REPAINT_MS = 100;
/** Times in the rows go on although nothing happens. */
const TICK_MS = 1_000;

interface LiveOptions {
  readonly server: string;
  readonly title: string;
}

/** Several targets on a terminal: rows that change in place, on stderr; the scrollback stays whole. */
export function liveView(context: CommandContext, options: LiveOptions): RunView {
  const { stderr } = context.surroundings;
  const lines = new LineAssembler();
  const tails = new Tails();
  const executions = new Map<string, ExecutionUpdate>();
  const startedAtMs = Date.now();
  let run: RunSummary | undefined;
  const area = repaintedArea(stderr, () => {
    const { columns, rows } = sizeOf(stderr);
    const screen = { columns, rows, nowMs: Date.now(), style: context.errorStyle };
    const { title } = options;
    const shown = { title, run, executions: shownOf(executions), startedAtMs };
    return toLiveRows({ ...shown, lastLines: (id) => tails.last(id) }, screen);
  });

  function takeOutput(frame: OutputFrame): void {
    const { executionId, stream } = frame;
    const whole = lines.push(`${executionId}/${stream}`, frameBytes(frame));
    for (const line of whole) tails.push(executionId, line);
  }

  function takeLastLines(): void {
    for (const id of executions.keys()) {
      const rest = ["stdout", "stderr"].flatMap((stream) => lines.end(`${id}/${stream}`));
      for (const line of rest) tails.push(id, line);
    }
  }

  return {
    update: async (update) => {
      if (update.event === "execution") executions.set(update.data.id, update.data);
      if (update.event === "run" || update.event === "end") run = update.data;
      if (update.event === "output") takeOutput(update.data);
      area.changed();
    },
    finish: async (ended) => {
      area.close();
      takeLastLines();
      const { server } = options;
      const clean = new Map([...tails.all()].map(([id, kept]) => [id, kept.map(toOneLine)]));
      const look = { style: context.errorStyle, server, plain: false, tails: clean };
      for (const line of toSummary(ended, look)) stderr.write(`${line}\n`);
      const remarks = toRemarks(ended).filter((one) => /left running|output/.test(one));
      for (const remark of remarks) context.say(remark);
    },
    notice: (text) => {
      area.erase();
      context.say(text);
      area.changed();
    },
    close: area.close,
  };
}

/** An attempt takes the row of the one before. */
function shownOf(executions: ReadonlyMap<string, ExecutionUpdate>): ExecutionUpdate[] {
  const repeated = new Set([...executions.values()].map(({ retryOf }) => retryOf));
  return [...executions.values()].filter(({ id }) => !repeated.has(id));
}

/** The last lines of the terminal, drawn anew when they change, ten times a second at most. */
function repaintedArea(terminal: NodeJS.WriteStream, draw: () => readonly string[]) {
  let painted: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function paint(): void {
    timer = undefined;
    const rows = draw();
    if (rows.join("\n") === painted.join("\n")) return;
    terminal.write(`${toEraser(painted, sizeOf(terminal).columns)}${rows.join("\n")}\n`);
    painted = rows;
  }

  function changed(): void {
    if (!closed) timer ??= setTimeout(paint, REPAINT_MS);
  }

  function erase(): void {
    clearTimeout(timer);
    timer = undefined;
    terminal.write(toEraser(painted, sizeOf(terminal).columns));
    painted = [];
  }

  const clock = setInterval(changed, TICK_MS);

  function close(): void {
    if (closed) return;
    closed = true;
    clearInterval(clock);
    erase();
  }

  return { changed, erase, close };
}

/** A terminal that became narrower since has broken the rows into more lines. */
function toEraser(rows: readonly string[], columns: number): string {
  if (rows.length === 0) return "";
  const heights = rows.map((row) => Math.max(1, Math.ceil(columnsOf(row) / columns)));
  const height = heights.reduce((sum, one) => sum + one, 0);
  return `\u001b[${height}A\r\u001b[0J`;
}

/** Not every terminal says how large it is. */
function sizeOf({ columns, rows }: NodeJS.WriteStream): {
  readonly columns: number;
  readonly rows: number;
} {
  return { columns: columns || 80, rows: rows || 24 };
}
