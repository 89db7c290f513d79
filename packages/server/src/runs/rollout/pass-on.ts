import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Database } from "../../database/database.ts";
import type { RunSignals } from "../run-signals.ts";
import { whenStorageAllows } from "../when-storage-allows.ts";
import { closeGate, type GateRow, openGate } from "./gate-store.ts";
import { NEW_ROLLOUT, noteRecord, type RolloutWait } from "./rollout-record.ts";
import type { EndedBatch, StopCause } from "./rollout-run.ts";

export interface HealthVerdict {
  readonly isHealthy: boolean;
  readonly detail: string;
}

export interface PassOnDeps {
  readonly db: Kysely<Database>;
  readonly signals: Pick<RunSignals, "notify">;
  readonly now: () => number;
  /** Looks at the containers of a batch until all is well or the time is over. */
  readonly checkHealth: (
    batch: EndedBatch,
    untilMs: number,
    signal: AbortSignal,
  ) => Promise<HealthVerdict>;
  readonly onFault: (runId: string, error: unknown) => void;
}

/** Lets a pause pass, then looks at the health, so that its verdict is fresh when the next batch begins. Never rejects. */
export async function passOn(
  deps: PassOnDeps,
  batch: EndedBatch,
  signal: AbortSignal,
): Promise<StopCause | undefined> {
  try {
    await letPausePass(deps, batch, signal);
    const cause = await lookAtHealth(deps, batch, signal);
    if (!cause) await note(deps, batch, { wait: null, signal });
    return cause;
  } catch (error) {
    deps.onFault(batch.runId, error);
    const detail = "Deckhand itself failed between two batches; the server's log says more.";
    return { code: "rollout-stopped", detail };
  }
}

/** The time without a server counts. */
async function letPausePass(
  deps: PassOnDeps,
  batch: EndedBatch,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = batch.endedAtMs + batch.plan.pauseMs;
  const leftMs = untilMs - deps.now();
  if (leftMs <= 0) return;
  const wait = { kind: "pause", batch: batch.batch + 2, untilMs } as const;
  await note(deps, batch, { wait, signal });
  // Who ends the rollout has no use for the pause.
  await sleep(leftMs, undefined, { signal }).catch(() => undefined);
}

async function lookAtHealth(
  deps: PassOnDeps,
  batch: EndedBatch,
  signal: AbortSignal,
): Promise<StopCause | undefined> {
  const { health } = batch.plan;
  if (!health || signal.aborted) return undefined;
  const key = { runId: batch.runId, batch: batch.batch + 1 };
  const gate = await whenStorageAllows(() => openGate(deps.db, key, deps.now()));
  if (gate.state === "passed") return undefined;
  if (gate.state === "failed") return toCause(gate);
  const untilMs = gate.started_at + health.timeoutMs;
  await note(deps, batch, { wait: { kind: "health", batch: key.batch + 1, untilMs }, signal });
  const { isHealthy, detail } = await deps.checkHealth(batch, untilMs, signal);
  if (signal.aborted) return undefined;
  const state = isHealthy ? "passed" : "failed";
  await whenStorageAllows(() => closeGate(deps.db, key, { state, detail, atMs: deps.now() }));
  return isHealthy ? undefined : toCause({ batch: key.batch, detail });
}

function toCause({ batch, detail }: Pick<GateRow, "batch" | "detail">): StopCause {
  const code = "health-failed";
  return { code, detail: `The rollout stopped before it, behind batch ${batch}: ${detail}` };
}

async function note(
  { db, signals }: PassOnDeps,
  { runId }: EndedBatch,
  { wait, signal }: { readonly wait: RolloutWait | null; readonly signal: AbortSignal },
): Promise<void> {
  if (signal.aborted) return;
  await whenStorageAllows(() => noteRecord(db, runId, { ...NEW_ROLLOUT, waitsFor: wait }));
  signals.notify(runId);
}
