import type { ExaminationView, Finding } from "@deckhand/core";
import { toOneLine } from "../terminal/sanitize.ts";
import type { Style } from "../terminal/style.ts";

const HEADS: Readonly<Record<Finding["group"], string>> = {
  container: "The container",
  guard: "The guard's way in",
  guarantees: "What holds for a script",
  inside: "Inside",
};

const MARKS = {
  ok: ["✓", "green"],
  note: ["·", "dim"],
  warning: ["!", "yellow"],
  problem: ["✕", "red"],
} as const;

const INDENT = "    ";

/** What was found, in groups, and in the end what it comes to. */
export function toExaminationText(examined: ExaminationView, style: Style): string {
  const groups = Map.groupBy(examined.findings, ({ group }) => group);
  const blocks = [...groups].map(([group, findings]) => {
    const width = Math.max(...findings.map(({ check }) => check.length));
    const lines = findings.map((finding) => toLines(finding, { style, width })).join("");
    return `${style("bold", HEADS[group])}\n${lines}`;
  });
  return `${toHead(examined, style)}\n\n${blocks.join("\n")}\n${toVerdict(examined, style)}\n`;
}

function toHead({ target, user }: ExaminationView, style: Style): string {
  const as = user === "" ? "" : ` as ${toOneLine(user)}`;
  return `${style("bold", toOneLine(target.name))} on ${toOneLine(target.engine)}${as}`;
}

function toLines(
  { check, state, detail, hint }: Finding,
  { style, width }: { readonly style: Style; readonly width: number },
): string {
  const [mark, format] = MARKS[state];
  const line = `  ${style(format, mark)} ${check.padEnd(width)}  ${toOneLine(detail)}\n`;
  return hint === null ? line : `${line}${INDENT}${" ".repeat(width)}  ${toOneLine(hint)}\n`;
}

function toVerdict(examined: ExaminationView, style: Style): string {
  if (examined.guarantees === null) return style("red", "Nothing can run here.");
  if (examined.refusal !== null) return style("yellow", "Only plain command lines run here.");
  if (examined.inside === null && isDurable(examined))
    return style("green", "What can be started here runs in a durable way.");
  if (isDurable(examined)) return style("green", "Scripts run here in a durable way.");
  return style("yellow", "Scripts run here, but not in a durable way.");
}

/** Whether scripts run there, and nothing of one is lost with a connection or a server. */
export function isDurable({
  guarantees,
  refusal,
}: Pick<ExaminationView, "guarantees" | "refusal">): boolean {
  return guarantees?.durability === "durable" && refusal === null;
}
