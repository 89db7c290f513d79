import { isAppError, type OutcomeReason } from "@deckhand/core";
import type { Logger } from "pino";
import type { Synced } from "../database/wal-sync.ts";
import { checkHealth } from "../runs/rollout/check-health.ts";
import { passOn } from "../runs/rollout/pass-on.ts";
import { skipRest } from "../runs/rollout/skip-rest.ts";
import { type RunConductor, runConductor } from "../runs/run-conductor.ts";
import type { RunDispatcher } from "../runs/run-dispatcher.ts";
import type { RunSignals } from "../runs/run-signals.ts";
import type { RunWrites } from "../runs/run-writes.ts";
import { newId } from "../ids/new-id.ts";
import type { OpenEngines } from "./open-engines.ts";

export interface OpenConductorDeps extends RunWrites {
  readonly synced: Synced;
  readonly signals: RunSignals;
  readonly logger: Logger;
  readonly engines: Pick<OpenEngines, "findSession" | "inspect">;
  readonly dispatcher: RunDispatcher;
  readonly startTimeoutMs: number;
  readonly cancel: (runId: string, reason: OutcomeReason) => Promise<void>;
}

/** What holds executions back, wired. */
export function openConductor(deps: OpenConductorDeps): RunConductor {
  const { db, runEnded, synced, signals, logger, engines, dispatcher, startTimeoutMs } = deps;
  const now = Date.now;
  const { findSession, inspect } = engines;
  const newExecutionId = () => newId("execution");
  const healthDeps = { db, now, inspect, findSession, newExecutionId, startTimeoutMs };
  const passing = {
    db,
    signals,
    now,
    checkHealth: (...[batch, untilMs, signal]: Parameters<PassingCheck>) =>
      checkHealth(healthDeps, batch, { untilMs, signal }),
    onFault: (runId: string, error: unknown) =>
      logger.error({ err: error, runId }, "a rollout failed between two batches"),
  };
  const conductor = runConductor({
    dispatcher,
    now,
    passOn: (batch, signal) => passOn(passing, batch, signal),
    skip: async (runId, executionIds, cause) => {
      try {
        const skipping = { db, runEnded, synced, signals, now };
        conductor.runMoved(await skipRest(skipping, { runId, executionIds }, cause));
      } catch (error) {
        logger.error({ err: error, runId }, "a stopped rollout's rest still waits");
      }
    },
    supersede: (runId, by) => {
      const detail = `${by} took over the run's concurrency key.`;
      deps
        .cancel(runId, { code: "superseded", detail })
        .catch((error: unknown) =>
          logger.error({ err: error, runId, by }, "a run that is to make room goes on"),
        );
    },
  });
  return conductor;
}

type PassingCheck = Parameters<typeof passOn>[0]["checkHealth"];

/** What was to be ended has ended by itself. */
export function ignoreEnded(error: unknown): void {
  if (!isAppError(error, "RUN_STATE_CONFLICT")) throw error;
}
