import type { OutcomeReason } from "@deckhand/core";
import type { Synced } from "../../database/wal-sync.ts";
import { endWaiting } from "../end-waiting.ts";
import type { RunSignals } from "../run-signals.ts";
import type { RunRow } from "../run-store.ts";
import type { RunWrites } from "../run-writes.ts";
import { whenStorageAllows } from "../when-storage-allows.ts";
import type { StopCause } from "./rollout-run.ts";

export interface SkipDeps extends RunWrites {
  readonly synced: Synced;
  readonly signals: Pick<RunSignals, "notify">;
  readonly now: () => number;
}

/** Ends what a stopped rollout does not begin any more, and writes down why, in one step. */
export async function skipRest(
  deps: SkipDeps,
  { runId, executionIds }: { readonly runId: string; readonly executionIds: readonly string[] },
  cause: StopCause,
): Promise<RunRow> {
  const reason: OutcomeReason = cause;
  const atMs = deps.now();
  const rollout = { waitsFor: null, stopped: { ...cause, atMs } };
  const end = { runId, executionIds, state: "skipped", reason, atMs, rollout } as const;
  const run = await whenStorageAllows(() => endWaiting(deps, end));
  await whenStorageAllows(deps.synced);
  deps.signals.notify(runId);
  return run;
}
