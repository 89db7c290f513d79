import { randomInt } from "node:crypto";
import {
  AppError,
  isTerminal,
  type OutcomeReason,
  type Run,
  type RunRequest,
  type RunState,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caller } from "../audit/caller.ts";
import type { Config } from "../config/config.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { App } from "../http/app.ts";
import { fileOutputLog, type OutputLog } from "../output/output-log.ts";
import { shortOutputs } from "../output/short-outputs.ts";
import { cancelRun } from "../runs/cancel-run.ts";
import { executor } from "../runs/execute-run.ts";
import type { ExecutionObserver } from "../runs/execution-deps.ts";
import { findSecretParams } from "../runs/find-secret-params.ts";
import { getRunView } from "../runs/get-run-view.ts";
import { checkRequest, planRun } from "../runs/plan-run.ts";
import { targetPicker } from "../runs/pick-targets.ts";
import { recoverRuns } from "../runs/recover-runs.ts";
import { runDispatcher } from "../runs/run-dispatcher.ts";
import { type RunSignals, runSignals } from "../runs/run-signals.ts";
import { deleteIdempotencyKeys } from "../runs/idempotency-store.ts";
import type { RunEnded } from "../runs/run-writes.ts";
import { runRoutes } from "../runs/runs.routes.ts";
import { getRun, type MovedExecution } from "../runs/run-store.ts";
import {
  type SubmitDeps,
  type SubmitInput,
  type SubmittedRun,
  submitRun,
} from "../runs/submit-run.ts";
import { outputComparer } from "../runs/same-output.ts";
import { outputRoutes } from "../runs/output.routes.ts";
import { sameOutputRoutes } from "../runs/same-output.routes.ts";
import { deleteRotations } from "../runs/rotation-store.ts";
import type { ScriptLibrary } from "../scripts/script-library.ts";
import type { Vault } from "../secrets/vault.ts";
import type { SelectTargetsDeps } from "../targets/select-targets.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { assertFreeSpace, freeSpace } from "./free-space.ts";
import { type MemoryGiver, memoryGiver } from "./give-back-memory.ts";
import { newId } from "../ids/new-id.ts";
import { ignoreEnded, openConductor } from "./open-conductor.ts";
import type { OpenEngines } from "./open-engines.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** A rotation that nobody turns begins anew after so long. */
const ROTATION_KEPT_MS = 90 * DAY_MS;
const HOUR_MS = 60 * 60 * 1000;
/** What runs gets this long at a shutdown before it is given up. */
const SHUTDOWN_GRACE_MS = 5_000;

export interface OpenRunsDeps {
  readonly config: Config;
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly vault: Vault;
  readonly findSecret: (name: string) => Promise<string | undefined>;
  readonly engines: OpenEngines;
  readonly select: SelectTargetsDeps;
  readonly library: ScriptLibrary;
  readonly audit: AuditLog;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly outputDirectory: string;
  readonly runEnded: RunEnded;
}

/** Everything that accepts and carries out runs, wired. */
export interface OpenRuns {
  readonly routes: (app: App) => void;
  readonly submit: (input: SubmitInput) => Promise<SubmittedRun>;
  /** Throws what would be refused of a request whenever it is made; gives the names of its secrets. */
  readonly check: (request: RunRequest) => Promise<readonly string[]>;
  /** Gives the names of the parameters that are secret by the script as it is now. */
  readonly findSecretParams: (
    request: Pick<RunRequest, "script" | "inline">,
  ) => Promise<readonly string[]>;
  readonly read: (runId: string) => Promise<Run>;
  readonly output: OutputLog;
  /** Whether an execution is under way. */
  readonly isBusy: () => boolean;
  /** Settles what an earlier process left open; queued executions go on. */
  recover(): Promise<void>;
  /** Accepts nothing more, gives what runs a moment, then gives it up. */
  close(): Promise<void>;
}

export function openRuns(deps: OpenRunsDeps): OpenRuns {
  const { config, db, synced, vault, engines, metrics, logger, runEnded } = deps;
  const { limits } = config;
  const signals = runSignals();
  const isBusy = () => dispatcher.inFlight > 0;
  const memory = memoryGiver(isBusy);
  const output = openOutput(deps, { signals, memory });
  const findFreeBytes = freeSpace(config.dataDir);
  let closing = false;

  const runExecutor = executor({
    db,
    runEnded,
    synced,
    output,
    signals,
    vault,
    now: Date.now,
    newExecutionId: () => newId("execution"),
    startTimeoutMs: limits.startTimeoutMs,
    findSession: engines.findSession,
    watchContainer: engines.watchContainer,
    observe: observer(deps, (moved) => {
      if (moved) conductor.executionEnded(moved);
      memory.soon();
      setImmediate(showLoad);
    }),
  });
  const dispatcher = runDispatcher({
    executionsPerContainer: limits.executionsPerContainer,
    executionsPerEngine: limits.executionsPerEngine,
    execute: runExecutor.execute,
  });
  const cancel = (runId: string, reason: OutcomeReason) =>
    cancelRun(cancelDeps, runId, reason).catch(ignoreEnded);
  const conductor = openConductor({
    db,
    runEnded,
    synced,
    signals,
    logger,
    engines,
    dispatcher,
    startTimeoutMs: limits.startTimeoutMs,
    cancel,
  });
  const countWaiting = () => dispatcher.waiting + conductor.held;
  function showLoad(): void {
    metrics.executionsQueued.set(countWaiting());
    metrics.executionsInFlight.set(dispatcher.inFlight);
  }
  const shared = { db, runEnded, synced, vault, output, signals, now: Date.now };

  const { library: scripts, select, findSecret } = deps;
  const pick = targetPicker({ db, readCpu: engines.readCpu, random: Math.random, now: Date.now });
  const newSeed = () => randomInt(2 ** 32);
  const planDeps = { scripts, select, pick, limits, findSecret, newSeed };

  async function assertAccepting(): Promise<void> {
    if (closing)
      throw new AppError("SHUTTING_DOWN", {
        detail: "The server is shutting down.",
        hint: "Try again in a moment.",
      });
    await assertFreeSpace(findFreeBytes);
  }

  const submitDeps: SubmitDeps = {
    ...shared,
    plan: (request) => planRun(planDeps, request, { isTrial: false }),
    conductor,
    dispatcher,
    executor: runExecutor,
    findOpenWay: engines.findOpenWay,
    waiting: countWaiting,
    mostQueued: limits.queuedExecutions,
    newId,
    assertAccepting,
    audit: (transaction, { caller, runId, targets, title, origin }) => {
      const detail = { title, targets, ...(origin.kind !== "request" && { origin }) };
      const entry = {
        caller,
        action: "run.create",
        object: runId,
        outcome: "allowed",
        detail,
      } as const;
      return deps.audit.record(entry, transaction);
    },
  };
  const cancelDeps = { ...shared, dispatcher, conductor, executor: runExecutor };
  const submit = async (input: SubmitInput): Promise<SubmittedRun> => {
    const submitted = await submitRun(submitDeps, input);
    showLoad();
    return submitted;
  };
  const routes = runRoutes({
    ...shared,
    limits,
    tryPlan: (request) => planRun(planDeps, request, { isTrial: true }),
    submit,
    cancel: async (runId: string, caller: Caller) => {
      const detail = `Cancelled by ${caller.principal?.name ?? "nobody"}.`;
      await cancelRun(cancelDeps, runId, { code: "cancel-requested", detail });
      await deps.audit.record({ caller, action: "run.cancel", object: runId, outcome: "allowed" });
    },
  });

  const forgetting = setInterval(() => {
    deleteIdempotencyKeys(db, Date.now() - DAY_MS).catch((error: unknown) =>
      logger.warn({ err: error }, "old idempotency keys stay"),
    );
    deleteRotations(db, Date.now() - ROTATION_KEPT_MS).catch((error: unknown) =>
      logger.warn({ err: error }, "old rotations stay"),
    );
  }, HOUR_MS);

  const compareOutput = outputComparer({ db, output });
  return {
    routes: (app) => {
      routes(app);
      outputRoutes(shared)(app);
      sameOutputRoutes(compareOutput)(app);
    },
    submit,
    check: (request) => checkRequest(planDeps, request),
    findSecretParams: (request) => findSecretParams(scripts, request),
    read: async (runId) => getRunView(db, await getRun(db, runId)),
    output,
    isBusy,
    recover: async () => {
      const recovered = await recoverRuns({
        ...shared,
        dispatcher,
        conductor,
        cancel,
        resume: runExecutor.resume,
        findSession: engines.findSession,
      });
      if (recovered.queued + recovered.resumed + recovered.lost > 0)
        logger.info(recovered, "settled what an earlier process left open");
    },
    close: async () => {
      closing = true;
      clearInterval(forgetting);
      memory.close();
      conductor.close();
      const stopped = dispatcher.stop();
      engines.detach();
      const graceOver = setTimeout(() => {
        runExecutor.abandonAll({
          code: "server-shutdown",
          detail: "The server was shut down while the script ran.",
        });
      }, SHUTDOWN_GRACE_MS);
      await stopped;
      clearTimeout(graceOver);
    },
  };
}

function openOutput(
  { db, metrics, outputDirectory }: OpenRunsDeps,
  { signals, memory }: { readonly signals: RunSignals; readonly memory: MemoryGiver },
): OutputLog {
  return fileOutputLog({
    directory: outputDirectory,
    short: shortOutputs(db),
    now: Date.now,
    onFlushed: (runId, bytes) => {
      metrics.outputBytes.inc(bytes);
      memory.stored(bytes);
      signals.notify(runId, { mayBeOver: false });
    },
  });
}

function observer(
  { metrics, logger }: Pick<OpenRunsDeps, "metrics" | "logger">,
  onChange: (ended?: MovedExecution) => void,
): ExecutionObserver {
  return {
    started: ({ queued_at, starting_at, started_at }, { way }) => {
      onChange();
      metrics.queueWait.observe(((starting_at ?? queued_at) - queued_at) / 1000);
      metrics.startLatency.observe({ way }, ((started_at ?? 0) - (starting_at ?? 0)) / 1000);
    },
    settled: (moved) => {
      onChange(moved);
      // Whoever waits for the run goes first.
      setImmediate(() => tellEnd(metrics, logger, moved));
    },
    failed: (executionId, error) =>
      logger.error({ err: error, executionId }, "an execution failed on our side"),
  };
}

function tellEnd(metrics: Metrics, logger: Logger, { execution, run }: MovedExecution): void {
  const { id, run_id, state, engine, started_at, finished_at } = execution;
  if (started_at !== null && finished_at !== null)
    metrics.executionDuration.observe((finished_at - started_at) / 1000);
  metrics.executions.inc({ state, engine });
  if (isTerminal(run.state as RunState)) metrics.runs.inc({ kind: run.kind, state: run.state });
  logger.info(
    { runId: run_id, executionId: id, state, reason: execution.reason_code },
    "execution ended",
  );
}
