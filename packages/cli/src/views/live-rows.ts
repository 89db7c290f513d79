import type { ExecutionUpdate } from "@deckhand/client";
import type { ExecutionState, RunSummary } from "@deckhand/core";
import { columnsOf, fitColumns } from "../terminal/columns.ts";
import { lastState, toOneLine } from "../terminal/sanitize.ts";
import { formatSpan } from "../terminal/spans.ts";
import type { Style } from "../terminal/style.ts";
import { LOOKS, toOutcomeWords } from "./execution-line.ts";
import { toWaitWords } from "./rollout-words.ts";

export interface LiveState {
  readonly title: string;
  readonly run: RunSummary | undefined;
  readonly executions: readonly ExecutionUpdate[];
  /** The last line of each execution by its id. */
  readonly lastLines: (executionId: string) => string;
  readonly startedAtMs: number;
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly nowMs: number;
  readonly style: Style;
}

/** What needs looking at first. */
const ORDER: Readonly<Record<ExecutionState, number>> = {
  failed: 0,
  lost: 0,
  rejected: 0,
  "timed-out": 0,
  cancelled: 1,
  running: 2,
  starting: 3,
  queued: 4,
  skipped: 5,
  succeeded: 6,
};
const BAR_CELLS = 24;
/** What stands before a row's text: a blank, the mark, a blank. */
const ROW_EDGE = 3;

/** Draws the live display: a head, a row a target as far as they fit, and a bar; pure, for a screen of that size. */
export function toLiveRows(state: LiveState, screen: Screen): string[] {
  const room = Math.max(1, screen.rows - 4);
  const sorted = [...state.executions].sort((one, other) => ORDER[one.state] - ORDER[other.state]);
  const width = Math.max(0, ...sorted.map(({ target }) => target.length));
  const shown = sorted.slice(0, room);
  const hidden = sorted.length - shown.length;
  return [
    toHead(state, screen),
    ...shown.map((execution) => toRow(execution, { state, screen, width })),
    ...(hidden > 0 ? [screen.style("dim", fitColumns(`   ${hidden} more`, screen.columns))] : []),
    toBar(state, screen),
  ];
}

function toHead(
  { title, run, executions, startedAtMs }: LiveState,
  { columns, nowMs }: Screen,
): string {
  const right = formatSpan(nowMs - startedAtMs);
  const room = Math.max(0, columns - right.length - 1);
  const facts = ` · ${executions.length} targets · ${run?.id ?? ""}`;
  const name = fitColumns(toOneLine(title), Math.max(1, room - columnsOf(facts)));
  const left = fitColumns(name + facts, room);
  return fitColumns(`${left}${" ".repeat(room - columnsOf(left) + 1)}${right}`, columns);
}

interface RowPlace {
  readonly state: LiveState;
  readonly screen: Screen;
  readonly width: number;
}

function toRow(execution: ExecutionUpdate, { state, screen, width }: RowPlace): string {
  const { mark, format } = LOOKS[execution.state];
  const line = toOneLine(lastState(state.lastLines(execution.id)));
  const says = [toOutcomeWords(execution), execution.state === "succeeded" ? "" : line]
    .filter((word) => word !== "running" && word !== "")
    .join("  ");
  const text = fitColumns(
    `${execution.target.padEnd(width)}  ${toSpan(execution, screen.nowMs).padStart(6)}  ${says}`,
    screen.columns - ROW_EDGE,
  );
  return ` ${screen.style(format, mark)} ${text}`;
}

function toSpan({ durationMs, startedAt }: ExecutionUpdate, nowMs: number): string {
  if (durationMs !== null) return formatSpan(durationMs);
  return startedAt === null ? "" : formatSpan(Math.max(0, nowMs - Date.parse(startedAt)));
}

function toBar({ executions, run }: LiveState, { style, columns, nowMs }: Screen): string {
  const groups: readonly (readonly [readonly ExecutionState[], string, Parameters<Style>[0]])[] = [
    [["succeeded"], "✓", "green"],
    [["failed", "lost", "rejected", "timed-out", "cancelled"], "✕", "red"],
    [["running", "starting"], "▶", "blue"],
    [["queued", "skipped"], "○", "dim"],
  ];
  const counts = groups.map(
    ([states]) => executions.filter(({ state }) => states.includes(state)).length,
  );
  const ended = (counts[0] ?? 0) + (counts[1] ?? 0);
  const full = Math.round((ended / Math.max(1, executions.length)) * BAR_CELLS);
  const words = groups.flatMap(([, mark, format], index) =>
    counts[index] ? [style(format, `${counts[index]} ${mark}`)] : [],
  );
  const bar = ` ${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)}  ${words.join("  ")}`;
  const wait = run?.rollout ? toWaitWords(run.rollout, nowMs) : "";
  const whole = `${bar}   ${wait && `${wait}   `}${style("dim", "Ctrl-C cancels")}`;
  if (columnsOf(whole) <= columns) return whole;
  return columnsOf(bar) <= columns ? bar : fitColumns(` ${ended} of ${executions.length}`, columns);
}
