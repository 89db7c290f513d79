import type { RunOrigin } from "../contract/run.ts";
import { formatDuration } from "../duration.ts";
import { isTerminal } from "../runs/execution-state.ts";
import type { ExecutionCounts, RunState } from "../runs/run-state.ts";
import { isRecovery } from "./is-told.ts";
import type { TemplateValues } from "./template.ts";

/** What is told of a run: bounded, and nothing of what its scripts wrote. */
export interface RunEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly data: {
    readonly id: string;
    readonly title: string;
    readonly state: RunState;
    readonly script: { readonly name: string; readonly version: number } | null;
    readonly origin: RunOrigin;
    readonly by: string | null;
    readonly reason: string | null;
    readonly counts: Readonly<Record<string, number>>;
    readonly failedTargets: readonly string[];
    readonly moreFailedTargets: number;
    readonly createdAt: string;
    readonly startedAt: string | null;
    readonly finishedAt: string;
    readonly durationMs: number | null;
    readonly url: string;
  };
}

export interface RunFacts
  extends Omit<RunEvent["data"], "counts" | "failedTargets" | "moreFailedTargets" | "durationMs"> {
  readonly stateBefore: RunState | undefined;
  readonly counts: ExecutionCounts;
  /** Of the executions that did not succeed. */
  readonly failedTargets: readonly string[];
}

/** Keep an event far below the 20 KB that receivers take. */
const MOST_TARGETS = 20;
const LONGEST_NAME = 200;
const LONGEST_TARGET = 100;
const LONGEST_TEXT = 500;

/** Makes the event of a run's end: `run.` and its state, or `run.recovered`. */
export function toRunEvent(facts: RunFacts): RunEvent {
  const { stateBefore: _, counts, failedTargets, ...rest } = facts;
  return {
    type: `run.${isRecovery(facts) ? "recovered" : facts.state}`,
    timestamp: facts.finishedAt,
    data: {
      ...rest,
      title: shorten(rest.title, LONGEST_NAME),
      by: rest.by === null ? null : shorten(rest.by, LONGEST_NAME),
      reason: rest.reason === null ? null : shorten(rest.reason, LONGEST_TEXT),
      counts: toFinalCounts(counts),
      failedTargets: failedTargets
        .slice(0, MOST_TARGETS)
        .map((name) => shorten(name, LONGEST_TARGET)),
      moreFailedTargets: Math.max(0, failedTargets.length - MOST_TARGETS),
      durationMs: toDurationMs(facts),
    },
  };
}

/** Cuts between characters, never within one. */
function shorten(text: string, longest: number): string {
  const characters = Array.from(text);
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join("")}…`;
}

function toFinalCounts(counts: ExecutionCounts): Record<string, number> {
  const final = Object.entries(counts).filter(
    ([state, count]) => count > 0 && isTerminal(state as keyof ExecutionCounts),
  );
  const total = final.reduce((sum, [, count]) => sum + count, 0);
  return { total, ...Object.fromEntries(final) };
}

function toDurationMs({ startedAt, finishedAt }: RunFacts): number | null {
  return startedAt === null ? null : Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));
}

/** What a template's places stand for. */
export function toTemplateValues({ type, data }: RunEvent): TemplateValues {
  const { script, origin, durationMs } = data;
  return {
    event: type,
    "run.id": data.id,
    "run.title": data.title,
    "run.script": script === null ? "" : `${script.name}@${script.version}`,
    "run.state": data.state,
    "run.origin": origin.name === null ? origin.kind : `${origin.kind} ${origin.name}`,
    "run.by": data.by ?? "",
    "run.reason": data.reason ?? "",
    "run.counts": toCountWords(data.counts),
    "run.failedTargets": toTargetWords(data),
    "run.startedAt": data.startedAt ?? "",
    "run.finishedAt": data.finishedAt,
    "run.duration": durationMs === null ? "" : formatDuration(durationMs),
    "run.url": data.url,
  };
}

function toCountWords({ total = 0, ...byState }: Readonly<Record<string, number>>): string {
  const parts = Object.entries(byState).map(([state, count]) => `${count} ${state}`);
  const targets = total === 1 ? "1 target" : `${total} targets`;
  return parts.length === 0 ? targets : `${targets}: ${parts.join(", ")}`;
}

function toTargetWords({ failedTargets, moreFailedTargets }: RunEvent["data"]): string {
  const more = moreFailedTargets > 0 ? ` and ${moreFailedTargets} more` : "";
  return failedTargets.join(", ") + more;
}
