import { setTimeout as pause } from "node:timers/promises";
import {
  hasRules,
  type RetainedRun,
  type RetentionDecision,
  type RetentionReport,
  type RetentionRules,
  retentionDecider,
} from "@deckhand/core";
import type { Synced } from "../database/wal-sync.ts";
import type { OutputLog } from "../output/output-log.ts";
import type { RetentionStore } from "./retention-store.ts";

/** Few enough that nobody waits for one step. */
const STEP_RUNS = 100;
const BETWEEN_STEPS_MS = 5;
const NEWEST = "run_~";

export interface RetentionDeps {
  readonly rules: RetentionRules;
  readonly everyMs: number;
  readonly store: RetentionStore;
  readonly output: Pick<OutputLog, "deleteRun">;
  readonly synced: Synced;
  readonly now: () => number;
  readonly onProblem: (error: unknown) => void;
}

export interface Retention {
  /** Says what would go now. */
  plan(): Promise<RetentionReport>;
  apply(): Promise<RetentionReport>;
  close(): Promise<void>;
}

/** Applies the rules at once, so that what an earlier process began is finished, and then at intervals. */
export function openRetention(deps: RetentionDeps): Retention {
  const stop = new AbortController();
  let last: Promise<unknown> = Promise.resolve();

  /** One at a time, so that no two decide on the same runs. */
  function alone<Answer>(act: () => Promise<Answer>): Promise<Answer> {
    const next = last.then(act);
    last = next.catch(() => undefined);
    return next;
  }
  const apply = () => alone(() => pass(deps, { applies: true, signal: stop.signal }));
  const applyQuietly = () => void apply().catch(deps.onProblem);
  const timer = setInterval(applyQuietly, deps.everyMs);
  applyQuietly();
  return {
    plan: () => alone(() => pass(deps, { applies: false, signal: stop.signal })),
    apply,
    close: async () => {
      clearInterval(timer);
      stop.abort();
      await last;
    },
  };
}

interface Pass {
  readonly applies: boolean;
  readonly signal: AbortSignal;
}

interface Decided {
  readonly run: RetainedRun;
  readonly decision: RetentionDecision;
}

async function pass(deps: RetentionDeps, { applies, signal }: Pass): Promise<RetentionReport> {
  const { store, rules } = deps;
  const atMs = deps.now();
  const report = emptyReport(rules, { atMs, applied: applies });
  if (applies) await removeOwed(deps, signal);
  if (!hasRules(rules)) return report;
  const decide = retentionDecider(rules, atMs);
  for (let below = NEWEST; !signal.aborted; await pause(BETWEEN_STEPS_MS)) {
    const runs = await store.listOlder(below, STEP_RUNS);
    const last = runs.at(-1);
    if (!last) break;
    below = last.id;
    report.looked += runs.length;
    const decided = runs.map((run) => ({ run, decision: decide(run) }));
    for (const one of decided) count(report, one);
    if (applies) await take(deps, decided, signal);
  }
  return report;
}

/** First the rows, on the disk; then the files, which are owed until they are gone. */
async function take(
  deps: RetentionDeps,
  decided: readonly Decided[],
  signal: AbortSignal,
): Promise<void> {
  const idsOf = (kind: RetentionDecision["kind"]) =>
    decided.filter(({ decision }) => decision.kind === kind).map(({ run }) => run.id);
  const [expired, deleted] = [idsOf("expire-output"), idsOf("delete-run")];
  if (expired.length + deleted.length === 0) return;
  await deps.store.take({ expired, deleted, atMs: deps.now() });
  await deps.synced();
  await removeOwed(deps, signal);
}

async function removeOwed({ store, output }: RetentionDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const owed = await store.listRemovals();
    if (owed.length === 0) return;
    for (const runId of owed) await output.deleteRun(runId);
    await store.removed(owed);
  }
}

function emptyReport(
  rules: RetentionRules,
  { atMs, applied }: { readonly atMs: number; readonly applied: boolean },
): RetentionReport {
  const { outputAgeMs = null, outputBytes = null, runAgeMs = null, runsPerScript = null } = rules;
  return {
    rules: { outputAgeMs, outputBytes, runAgeMs, runsPerScript },
    ...{ looked: 0, outputs: 0, runs: 0, bytes: 0, parts: [] },
    at: new Date(atMs).toISOString(),
    applied,
  };
}

function count(report: RetentionReport, { run, decision }: Decided): void {
  if (decision.kind === "keep") return;
  const { rule } = decision;
  const what = decision.kind === "delete-run" ? "run" : "output";
  report[what === "run" ? "runs" : "outputs"] += 1;
  report.bytes += run.outputBytes;
  let part = report.parts.find((one) => one.rule === rule && one.what === what);
  if (!part) {
    part = { rule, what, runs: 0, bytes: 0, oldest: run.id };
    report.parts.push(part);
  }
  part.runs += 1;
  part.bytes += run.outputBytes;
  part.oldest = run.id;
}
