import type { ExecutionUpdate } from "@deckhand/client";
import type { ExecutionState } from "@deckhand/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { columnsOf } from "../terminal/columns.ts";
import { createStyle } from "../terminal/style.ts";
import { type LiveState, type Screen, toLiveRows } from "./live-rows.ts";

const plain = createStyle({ choice: "never", env: {}, isTerminal: true });
const colored = createStyle({ choice: "always", env: {}, isTerminal: true });

function execution(target: string, state: ExecutionState): ExecutionUpdate {
  const facts = { exitCode: state === "failed" ? 1 : null, signal: null, reason: null };
  const times = {
    startedAt: "2026-11-20T00:00:00.000Z",
    durationMs: state === "running" ? null : 9_800,
  };
  return { id: `exe_${target}`, target, state, ...facts, ...times } as unknown as ExecutionUpdate;
}

function draw(
  executions: readonly ExecutionUpdate[],
  options: { line?: string; title?: string; screen?: Partial<Screen> } = {},
) {
  const { line = "", title = "db/vacuum" } = options;
  const state: LiveState = {
    title,
    run: undefined,
    executions,
    lastLines: () => line,
    startedAtMs: 0,
  };
  return toLiveRows(state, {
    columns: 80,
    rows: 24,
    nowMs: Date.parse("2026-11-20T00:00:38.000Z"),
    style: plain,
    ...options.screen,
  });
}

test("what needs looking at comes first", () => {
  const rows = draw(
    [
      execution("a", "succeeded"),
      execution("b", "queued"),
      execution("c", "running"),
      execution("d", "failed"),
    ],
    { line: "says" },
  );
  expect(rows.slice(1, -1)).toEqual([
    " ✕ d    9.8s  exit 1  says",
    " ▶ c     38s  says",
    " ○ b    9.8s  waiting  says",
    " ✓ a    9.8s  ",
  ]);
  expect(rows.at(-1)).toContain("1 ✓  1 ✕  1 ▶  1 ○");
});

test("more targets than rows: the rest is counted, not dropped silently", () => {
  const many = Array.from({ length: 40 }, (_, index) => execution(`t${index}`, "running"));
  const rows = draw(many, { screen: { rows: 10 } });
  expect(rows.length).toBeLessThan(10);
  expect(rows.at(-2)).toContain("34 more");
});

test("no row is wider than the screen or more than one line, whatever scripts print", () => {
  const pieces = fc.constantFrom(
    "a",
    "\t",
    "漢",
    "🙂",
    "\u001b[31m",
    "\u001b[2J",
    "\r",
    "\n",
    " ",
    "e\u0301",
    "\u009b",
  );
  const text = fc.array(pieces, { maxLength: 120 }).map((all) => all.join(""));
  const states = fc.array(
    fc.constantFrom<ExecutionState>("running", "failed", "succeeded", "queued"),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(
      text,
      text,
      states,
      fc.integer({ min: 12, max: 120 }),
      (line, title, given, columns) => {
        const executions = given.map((state, index) => execution(`target-${index}`, state));
        for (const row of draw(executions, { line, title, screen: { columns, style: colored } })) {
          expect(columnsOf(row)).toBeLessThanOrEqual(columns);
          expect(row).not.toMatch(/[\n\r\t]/);
        }
      },
    ),
  );
});
