import type { Command } from "commander";
import type { Execution, Run, RunPage, RunSummary } from "@deckhand/core";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import type { Style } from "../terminal/style.ts";
import { formatAgo, formatBytes, formatSpan } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { LOOKS, toOutcomeWords } from "../views/execution-line.ts";
import { toPickText } from "../views/pick-text.ts";
import { toLimitWords } from "../views/limit-words.ts";
import { toKeyWords, toRetryWords } from "../views/again-words.ts";
import { toGateLines, toRolloutWords, toWaitWords } from "../views/rollout-words.ts";
import { action, collect, newCommand, runArgument } from "./command.ts";

interface ListFlags {
  readonly state?: string[];
  readonly script?: string;
  readonly target?: string;
  readonly origin?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
  readonly after?: string;
}

export function runsCommand(surroundings: Surroundings): Command {
  return newCommand("runs", {
    summary: "List past and present runs, newest first",
    examples: [
      ["deckhand runs", "the last 20"],
      ["deckhand runs --state failed --since 24h", "what failed today"],
      [
        "deckhand runs --script db/vacuum --target db-1 -o json",
        "one script on one target, for a program",
      ],
    ],
  })
    .option(
      "--state <state>",
      "queued, running, succeeded, failed, timed-out, cancelled, lost, rejected; repeat for more",
      collect,
    )
    .option("--script <name>", "of this stored script")
    .option("--target <name>", "that touched this target, by name or id")
    .option(
      "--origin <what>",
      "started by: request, schedule, trigger, rerun, retry; schedule/nightly for that one",
    )
    .option("--since <when>", "not older than 24h, or than a time")
    .option("--until <when>", "older than 1h, or than a time")
    .option("-n, --limit <n>", "how many", "20")
    .option("--after <id>", "go on after this run, as the list before said")
    .action(
      action(surroundings, async (context, { ...flags }: ListFlags) => {
        const page = await (await context.client()).listRuns({ ...flags });
        if (context.options.output === "jsonl") return show(context, page.data, () => "");
        await show(context, page, (shown) => toList(context, shown));
      }),
    );
}

function toList(context: CommandContext, { data, next }: RunPage): string {
  if (data.length === 0) return "Nothing ran yet. Try: deckhand exec --on NAME -- uname -a\n";
  const rows = data.map((run) => [
    run.id,
    toState(run, context.style),
    toTargets(run),
    run.title.replaceAll(/\s+/g, " ").slice(0, 50),
    formatAgo(run.createdAt, Date.now()),
    run.durationMs === null ? "" : formatSpan(run.durationMs),
    toOriginWords(run),
  ]);
  const more = next === null ? "" : `more: deckhand runs --after ${next}\n`;
  return toTable(["RUN", "STATE", "TARGETS", "WHAT", "WHEN", "TOOK", "STARTED BY"], rows) + more;
}

/** `schedule nightly`; a request of its own needs no word. */
function toOriginWords({ origin: { kind, id, name } }: RunSummary): string {
  return kind === "request" ? "" : `${kind} ${name ?? id ?? ""}`.trimEnd();
}

function toState({ state }: RunSummary, style: Style): string {
  return style(LOOKS[state].format, `${LOOKS[state].mark} ${state}`);
}

function toTargets({ counts }: RunSummary): string {
  const succeeded = counts["succeeded"] ?? 0;
  return succeeded === counts.total ? `${counts.total}` : `${succeeded}/${counts.total}`;
}

export function showCommand(surroundings: Surroundings): Command {
  return newCommand("show", {
    summary: "Show one run: what ran, where, and what became of it",
    examples: [
      ["deckhand show run_01k…", "in words"],
      ["deckhand show run_01k… -o json", "everything"],
      ["deckhand logs run_01k…", "what it said"],
    ],
  })
    .addArgument(runArgument())
    .action(
      action(surroundings, async (context, runId: string) => {
        await show(context, await (await context.client()).getRun(runId), (run) =>
          toDetail(context, run),
        );
      }),
    );
}

function toDetail({ style }: CommandContext, run: Run): string {
  const facts: readonly (readonly [string, string])[] = [
    ["Run", `${run.id}  ${toState(run, style)}`],
    [
      "What",
      run.script
        ? `${run.script.name}@${run.script.version} (${run.script.sha256.slice(0, 12)})`
        : run.title,
    ],
    ["Where", [...run.on, ...run.except.map((one) => `except ${one}`)].join("  ")],
    ["Picked", run.pick === null ? "" : toPickText(run.pick)],
    [
      "Parameters",
      Object.entries(run.params)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join("  "),
    ],
    ["Arguments", run.args.join(" ")],
    ["Key", run.concurrency ? toKeyWords(run.concurrency) : ""],
    ["Retry", run.retry ? toRetryWords(run.retry) : ""],
    ["Rollout", run.rollout ? toRolloutWords(run.rollout) : ""],
    ["Now", run.rollout ? toWaitWords(run.rollout, Date.now()) : ""],
    ["Stopped", run.rollout?.stopped?.detail ?? ""],
    ["As", [run.user, run.workdir && `in ${run.workdir}`].filter(Boolean).join(" ")],
    ["Limits", toLimitWords(run).join(", ")],
    ["Started by", toOriginWords(run)],
    ["By", `${run.by?.name ?? "nobody"}${run.reason ? `: ${run.reason}` : ""}`],
    [
      "When",
      `${run.createdAt}${run.durationMs === null ? "" : `, took ${formatSpan(run.durationMs)}`}`,
    ],
  ];
  const head = facts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${style("dim", name.padEnd(10))}  ${value}\n`);
  const rows = run.executions.map((execution) => toExecutionRow(execution, style));
  const gates = run.rollout ? toGateLines(run.rollout).map((line) => `${line}\n`) : [];
  const why = [...gates, ...new Set(run.executions.flatMap(toWhy))];
  return `${head.join("")}\n${toTable(["TARGET", "STATE", "RESULT", "TOOK", "OUTPUT", "WAY", "EXECUTION"], rows)}${why.join("")}`;
}

function toExecutionRow(execution: Execution, style: Style): string[] {
  const { target, state, durationMs, output } = execution;
  const bytes =
    formatBytes(output.stdoutBytes + output.stderrBytes) + (output.truncated ? " (cut)" : "");
  return [
    target.name,
    style(LOOKS[state].format, `${LOOKS[state].mark} ${state}`),
    toOutcomeWords(execution),
    durationMs === null ? "" : formatSpan(durationMs),
    bytes,
    toWayWords(execution),
    execution.id,
  ];
}

/** `guard, durable`: how it got in, and what that promises. */
function toWayWords({ guarantees }: Execution): string {
  if (!guarantees) return "";
  const { way, durability } = guarantees;
  return durability === way.split("-")[0] ? way : `${way}, ${durability}`;
}

function toWhy({ target, state, reason, leftovers }: Execution): string[] {
  const said =
    reason &&
    (["lost", "rejected", "timed-out", "cancelled"].includes(state) ||
      ["waiting-for-run", "key-taken"].includes(reason.code))
      ? [`${target.name}: ${reason.detail}\n`]
      : [];
  const left = leftovers.map(
    ({ pid, command }) => `${target.name}: left running: ${command} (process ${pid})\n`,
  );
  return [...said, ...left];
}

export function cancelCommand(surroundings: Surroundings): Command {
  return newCommand("cancel", {
    summary: "Stop a run in all its containers: TERM, a grace time, KILL",
    examples: [
      ["deckhand cancel run_01k…", "and wait for the end"],
      ["deckhand cancel run_01k… --no-wait", "ask for it only"],
      ["deckhand runs --state running", "what could be cancelled"],
    ],
  })
    .addArgument(runArgument())
    .option("--no-wait", "do not wait for the end")
    .action(
      action(surroundings, async (context, runId: string, flags: { readonly wait: boolean }) => {
        const run = await (await context.client()).cancelRun(runId, flags.wait ? "60s" : undefined);
        await show(context, run, (shown) => toDetail(context, shown));
      }),
    );
}
