import type { Command } from "commander";
import type { RetentionReport } from "@deckhand/core";
import { show, type Surroundings } from "../command-context.ts";
import { formatBytes, formatSpan } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { action, newCommand } from "./command.ts";

export function retentionCommand(surroundings: Surroundings): Command {
  return newCommand("retention", {
    summary: "What is kept of past runs, and for how long",
    examples: [
      ["deckhand retention plan", "what would go now"],
      ["deckhand retention apply", "take it now, not within the hour"],
      ["deckhand retention plan -o json", "for a program"],
    ],
  })
    .addCommand(planCommand(surroundings))
    .addCommand(applyCommand(surroundings));
}

function planCommand(surroundings: Surroundings): Command {
  return newCommand("plan", {
    summary: "Show what the server's rules would take now, and how many bytes that is",
    examples: [
      ["deckhand retention plan", "in words"],
      ["deckhand retention plan -o json", "for a program"],
      ["deckhand retention apply", "and do it"],
    ],
  }).action(
    action(surroundings, async (context) => {
      await show(context, await (await context.client()).planRetention(), toText);
    }),
  );
}

function applyCommand(surroundings: Surroundings): Command {
  return newCommand("apply", {
    summary: "Apply the server's rules now",
    examples: [
      ["deckhand retention plan", "look first"],
      ["deckhand retention apply", "take it"],
      ["deckhand retention apply -o json", "and say so to a program"],
    ],
  }).action(
    action(surroundings, async (context) => {
      await show(context, await (await context.client()).applyRetention(), toText);
    }),
  );
}

const WORDS = {
  outputAgeMs: "older than",
  outputBytes: "beyond",
  runAgeMs: "older than",
  runsPerScript: "more of a script than",
} as const;

function toText({ rules, parts, applied, looked, outputs, runs, bytes }: RetentionReport): string {
  if (Object.values(rules).every((rule) => rule === null))
    return "No rules: everything is kept. They are set in the server's configuration (retention.*).\n";
  const gone = applied ? "went" : "would go";
  const rows = parts.map((part) => [
    part.what === "run" ? "runs" : "output",
    `${WORDS[part.rule]} ${toValue(part.rule, rules[part.rule])}`,
    `${part.runs}`,
    formatBytes(part.bytes),
    part.oldest,
  ]);
  const table = rows.length === 0 ? "" : toTable(["WHAT", "RULE", "RUNS", "BYTES", "OLDEST"], rows);
  return `${table}${runs} runs and the output of ${outputs} more ${gone}: ${formatBytes(bytes)} (of ${looked} runs).\n`;
}

function toValue(rule: keyof typeof WORDS, value: number | null): string {
  if (rule === "outputBytes") return formatBytes(value ?? 0);
  return rule === "runsPerScript" ? `${value}` : formatSpan(value ?? 0);
}
