import type { Execution, Run } from "@deckhand/core";
import type { Style } from "../terminal/style.ts";
import { formatSpan } from "../terminal/spans.ts";
import { LOOKS, toOutcomeWords } from "./execution-line.ts";

export interface SummaryOptions {
  readonly style: Style;
  readonly server: string;
  readonly plain: boolean;
  /** The last lines of what an execution wrote, by its id. */
  readonly tails: ReadonlyMap<string, readonly string[]>;
}

/** The end of a run on several targets: what did not succeed first, then the counts and what to do next. */
export function toSummary(run: Run, options: SummaryOptions): string[] {
  const failed = run.executions.filter(
    ({ state, retriedBy }) => state !== "succeeded" && !retriedBy,
  );
  const skipped = failed.filter(({ state }) => state === "skipped");
  return [
    ...failed
      .filter(({ state }) => state !== "skipped")
      .flatMap((execution) => toFailure(execution, options)),
    ...toSkipped(run, skipped, options),
    ...toCounts(run, options),
    ...toNextSteps(run, failed),
  ];
}

function toFailure(execution: Execution, { style, plain, tails }: SummaryOptions): string[] {
  const { mark, plain: word, format } = LOOKS[execution.state];
  const span = execution.durationMs === null ? "" : ` after ${formatSpan(execution.durationMs)}`;
  const head = `${plain ? word : mark} ${execution.target.name}  ${toOutcomeWords(execution)}${span}`;
  const tail = (tails.get(execution.id) ?? []).map((line) => `  ${plain ? "|" : "│"} ${line}`);
  const why = ["lost", "rejected"].includes(execution.state)
    ? [`  ${execution.reason?.detail ?? ""}`]
    : [];
  return [style(format, head), ...why, ...tail];
}

/** Those that a rollout did not begin with have one reason. */
function toSkipped(
  { rollout }: Run,
  skipped: readonly Execution[],
  { style, plain }: SummaryOptions,
): string[] {
  const [first] = skipped;
  if (!first) return [];
  const { mark, plain: word, format } = LOOKS.skipped;
  const why = rollout?.stopped ?? first.reason;
  const names = skipped.length === 1 ? first.target.name : `${skipped.length} targets`;
  const head = `${plain ? word : mark} ${names}  skipped: ${why?.code ?? ""}`;
  return [style(format, head), `  ${why?.detail ?? ""}`];
}

function toCounts(run: Run, { style, plain }: SummaryOptions): string[] {
  const counts = Object.entries(LOOKS).flatMap(([state, look]) => {
    const count = run.counts[state] ?? 0;
    if (count === 0) return [];
    return [style(look.format, plain ? `${count} ${state}` : `${count} ${look.mark}`)];
  });
  const span = run.durationMs === null ? "" : `  in ${formatSpan(run.durationMs)}`;
  return [`${counts.join("  ")}${span}    ${run.id}`];
}

function toNextSteps(run: Run, failed: readonly Execution[]): string[] {
  const [first] = failed;
  if (!first) return [];
  return [
    `Retry:  deckhand rerun ${run.id} --failed      All of it:  deckhand logs ${run.id} --on ${first.target.name}`,
  ];
}
