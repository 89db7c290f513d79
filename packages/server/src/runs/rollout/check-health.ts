import { setTimeout as sleep } from "node:timers/promises";
import type { HealthPlan } from "@deckhand/core";
import type { EngineContainerDetail } from "../../engines/engine.ts";
import { readPlan, type RunPlan } from "../run-plan.ts";
import { type ExecutionRow, getRun, listExecutions } from "../run-store.ts";
import type { RunWrites } from "../run-writes.ts";
import { type Look, lookAtHealthcheck, lookAtRestarts, WELL } from "./look-at-container.ts";
import type { HealthVerdict } from "./pass-on.ts";
import type { EndedBatch } from "./rollout-run.ts";
import { type ProbeDeps, runProbe } from "./run-probe.ts";

const LOOK_EVERY_MS = 1_000;
const LOOK_AT_ONCE = 8;
const NAMED = 3;

export interface HealthDeps extends Pick<RunWrites, "db">, ProbeDeps {
  readonly now: () => number;
  /** Asks the engine now; `undefined` when it has no such container, throws when it does not answer. */
  readonly inspect: (
    engine: string,
    containerId: string,
    signal: AbortSignal,
  ) => Promise<EngineContainerDetail | undefined>;
}

/** Where a script ran; what never started says nothing. */
const RAN: ReadonlySet<string> = new Set(["succeeded", "failed", "timed-out", "lost"]);

interface Watched {
  readonly row: ExecutionRow;
  readonly plan: RunPlan;
  readonly health: HealthPlan;
  /** `undefined` until it was looked at. */
  checkedBefore: { readonly at: string | undefined } | undefined;
  detail: string;
}

/** Looks at every container of a batch until all are well, one can not be any more, or the time is over. */
export async function checkHealth(
  deps: HealthDeps,
  batch: EndedBatch,
  { untilMs, signal }: { readonly untilMs: number; readonly signal: AbortSignal },
): Promise<HealthVerdict> {
  const all = await listWatched(deps, batch);
  for (let rest = all; ; ) {
    const looks = await atOnce(rest, (one) => look(deps, one, { untilMs, signal }));
    const failed = rest.filter((_, index) => looks[index]?.kind === "never");
    if (failed.length > 0) return { isHealthy: false, detail: toWords(failed) };
    rest = rest.filter((_, index) => looks[index]?.kind !== "well");
    if (rest.length === 0) return { isHealthy: true, detail: toWell(all.length) };
    const leftMs = untilMs - deps.now();
    if (leftMs <= 0 || signal.aborted)
      return { isHealthy: false, detail: `The time is over: ${toWords(rest)}` };
    await sleep(Math.min(LOOK_EVERY_MS, leftMs), undefined, { signal }).catch(() => undefined);
  }
}

async function listWatched(deps: HealthDeps, batch: EndedBatch): Promise<Watched[]> {
  const { health, batches } = batch.plan;
  if (!health) return [];
  const plan = readPlan((await getRun(deps.db, batch.runId)).plan_json);
  const from = batches.slice(0, batch.batch).reduce((sum, size) => sum + size, 0);
  const rows = (await listExecutions(deps.db, batch.runId)).slice(
    from,
    from + (batches[batch.batch] ?? 0),
  );
  return rows
    .filter(({ state }) => RAN.has(state))
    .map((row) => ({ row, plan, health, checkedBefore: undefined, detail: "" }));
}

interface LookLimits {
  readonly untilMs: number;
  readonly signal: AbortSignal;
}

async function look(deps: HealthDeps, watched: Watched, limits: LookLimits): Promise<Look> {
  const outside = await lookFromOutside(deps, watched, limits.signal);
  const found = outside.kind === "well" ? await lookInside(deps, watched, limits) : outside;
  if (found.kind !== "well") watched.detail = found.detail;
  return found;
}

async function lookFromOutside(
  { inspect }: HealthDeps,
  watched: Watched,
  signal: AbortSignal,
): Promise<Look> {
  const { row, health } = watched;
  if (!health.healthcheck && !health.restarts) return WELL;
  const answer = await inspect(row.engine, row.container_id, signal).then(
    (seen) => ({ seen }),
    () => undefined,
  );
  if (!answer) return { kind: "not-yet", detail: "its engine does not answer" };
  watched.checkedBefore ??= { at: answer.seen?.healthCheckedAt };
  const parts = {
    ...answer,
    startedAt: row.container_started_at,
    checkedBefore: watched.checkedBefore.at,
  };
  const restarts = health.restarts ? lookAtRestarts(parts) : WELL;
  return restarts.kind === "well" && health.healthcheck ? lookAtHealthcheck(parts) : restarts;
}

async function lookInside(
  deps: HealthDeps,
  { row, plan, health: { probe } }: Watched,
  { untilMs, signal }: LookLimits,
): Promise<Look> {
  if (!probe) return WELL;
  const timeoutMs = Math.max(LOOK_EVERY_MS, untilMs - deps.now());
  return runProbe(deps, { row, plan, probe, timeoutMs }, signal);
}

function toWell(count: number): string {
  return count === 1 ? "1 container is well." : `${count} containers are well.`;
}

function toWords(watched: readonly Watched[]): string {
  const named = watched.slice(0, NAMED).map(({ row, detail }) => `${row.target_name} ${detail}`);
  const more = watched.length > NAMED ? `; and ${watched.length - NAMED} more` : "";
  return `${named.join("; ")}${more}.`;
}

/** Keeps the order of the answers. */
async function atOnce<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const rest = items.entries();
  const workers = Array.from({ length: LOOK_AT_ONCE }, async () => {
    for (const [index, item] of rest) answers[index] = await ask(item);
  });
  await Promise.all(workers);
  return answers;
}
