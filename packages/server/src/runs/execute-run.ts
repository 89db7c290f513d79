import {
  type ExecutionState,
  findRetryDelayMs,
  type Guarantees,
  isTerminal,
  type OutcomeReason,
} from "@deckhand/core";
import type { OutputWriter } from "../output/output-writer.ts";
import type { Leftover, SessionOutcome } from "../sessions/session.ts";
import type { ExecuteDeps, UnderWay, WatchedContainer } from "./execution-deps.ts";
import { hideInChange, hideInReason, withoutSecrets } from "./hide-secrets.ts";
import { move, noteRunning, noteWay } from "./note-steps.ts";
import {
  prepare,
  readStartInputs,
  type Running,
  type Startable,
  type StartInputs,
} from "./prepare-execution.ts";
import type { RunPlan } from "./run-plan.ts";
import { type ExecutionChange, type ExecutionRow, findExecution } from "./run-store.ts";
import { type EndedOutcome, type StopReason, toSettlement } from "./settlement.ts";
import { stopWhenAsked, toDeadline } from "./stop-when-asked.ts";

export interface Executor {
  /** Carries out one waiting execution; resolves when it is settled, or detached. Never rejects. */
  execute(executionId: string): Promise<void>;
  /** Makes ready to carry out one that is about to be written down as starting: a stop reaches it from then on. */
  expect(executionId: string): ExpectedExecution;
  /** Takes up one that an earlier server process started in a durable way. Likewise. */
  resume(executionId: string): Promise<void>;
  /** Asks for the end of one that is under way; false when it is not. The first reason wins. */
  stop(executionId: string, reason: StopReason): boolean;
  /** Gives up all that is still under way. */
  abandonAll(reason: OutcomeReason): void;
}

export interface ExpectedExecution {
  /** As `execute`, without a look at what is written down. */
  carryOut(fresh: FreshExecution): Promise<void>;
  /** It was not written down. */
  forget(): void;
}

export interface FreshExecution {
  readonly row: ExecutionRow;
  readonly inputs: StartInputs;
}

export function executor(deps: ExecuteDeps): Executor {
  const underWay = new Map<string, UnderWay>();
  function enter(executionId: string): UnderWay {
    const self: UnderWay = {
      stopReason: undefined,
      wake: () => {},
      abandoned: undefined,
      running: undefined,
    };
    underWay.set(executionId, self);
    return self;
  }
  async function follow(executionId: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      await settleAfterFault(deps, executionId, error);
    } finally {
      underWay.delete(executionId);
    }
  }
  return {
    execute: (executionId) => {
      const self = enter(executionId);
      return follow(executionId, () => carryOut(deps, executionId, self));
    },
    expect: (executionId) => {
      const self = enter(executionId);
      return {
        carryOut: (fresh) => follow(executionId, () => carryOutFresh(deps, fresh, self)),
        forget: () => void underWay.delete(executionId),
      };
    },
    resume: (executionId) => {
      const self = enter(executionId);
      return follow(executionId, () => takeUp(deps, executionId, self));
    },
    stop: (executionId, reason) => {
      const self = underWay.get(executionId);
      if (!self) return false;
      self.stopReason ??= reason;
      self.wake();
      return true;
    },
    abandonAll: (reason) => {
      for (const self of underWay.values()) {
        self.abandoned ??= reason;
        self.running?.detach(reason);
      }
    },
  };
}

async function carryOut(deps: ExecuteDeps, executionId: string, self: UnderWay): Promise<void> {
  const waiting = await findExecution(deps.db, executionId);
  if (waiting?.state !== "queued") return;
  await begin(deps, { row: waiting, self, inputs: () => readStartInputs(deps, waiting) });
}

async function carryOutFresh(
  deps: ExecuteDeps,
  { row, inputs }: FreshExecution,
  self: UnderWay,
): Promise<void> {
  await begin(deps, { row, self, inputs: async () => inputs });
}

interface Beginning {
  readonly row: ExecutionRow;
  readonly self: UnderWay;
  readonly inputs: () => Promise<StartInputs>;
}

async function begin(deps: ExecuteDeps, { row, self, inputs }: Beginning): Promise<void> {
  if (self.abandoned) return;
  if (self.stopReason) return settleUnstarted(deps, row.id, self.stopReason);
  const prepared = prepare(deps, row, await inputs());
  if ("code" in prepared)
    return settleUnstarted(deps, row.id, { state: "rejected", reason: prepared });
  await start(deps, { ...prepared, row, self });
}

async function start(deps: ExecuteDeps, startable: Startable): Promise<void> {
  const { session, spec, row, mask, unstartable } = startable;
  if (unstartable) return settleUnstarted(deps, row.id, { state: "rejected", reason: unstartable });
  const result = await session.start(spec, (guarantees) => noteWay(deps, row, guarantees));
  if (result.kind === "detached") return;
  if (result.kind !== "started")
    return settleUnstarted(deps, row.id, {
      state: result.kind,
      reason: hideInReason(mask, result.reason),
    });
  await runToEnd(deps, { ...startable, running: result.execution, isResumed: false });
}

async function takeUp(deps: ExecuteDeps, executionId: string, self: UnderWay): Promise<void> {
  const row = await findExecution(deps.db, executionId);
  if (!row || isTerminal(row.state as ExecutionState)) return;
  const prepared = prepare(deps, row, await readStartInputs(deps, row));
  if ("code" in prepared)
    return settleUnstarted(deps, executionId, { state: "lost", reason: prepared });
  const received = await deps.output.measure(row.run_id, row.id);
  const result = await prepared.session.resume(prepared.spec, received, findWay(row));
  if (result.kind === "detached") return;
  if (result.kind === "resumed")
    return runToEnd(deps, { ...prepared, row, self, running: result.execution, isResumed: true });
  if (result.kind === "unknown" && row.state === "starting" && !self.stopReason)
    return start(deps, { ...prepared, row, self });
  if (result.kind === "unknown" && self.stopReason)
    return settleUnstarted(deps, executionId, self.stopReason);
  const reason = result.kind === "lost" ? result.reason : toForgotten(row);
  await settleUnstarted(deps, executionId, {
    state: "lost",
    reason: hideInReason(prepared.mask, reason),
  });
}

function findWay({ guarantees_json }: ExecutionRow): Guarantees["way"] | undefined {
  return guarantees_json === null ? undefined : (JSON.parse(guarantees_json) as Guarantees).way;
}

function toForgotten(row: ExecutionRow): OutcomeReason {
  if (findWay(row) === "shell-files")
    return { code: "exit-unknown", detail: "The files that told of the script are gone." };
  const detail = "The guard in the container does not know the script any more.";
  return { code: "guard-gone", detail };
}

async function runToEnd(deps: ExecuteDeps, execution: Running): Promise<void> {
  const { row, plan, running, self, isFirst, isResumed, mask } = execution;
  const writer = await deps.output.openWriter({
    runId: row.run_id,
    executionId: row.id,
    limitBytes: plan.outputBytes,
    onStored: running.acknowledge,
    isFirst,
    resume: isResumed,
  });
  const noting = noteRunning(deps, execution);
  self.running = running;
  if (self.abandoned) running.detach(self.abandoned);
  const unwatch = deps.watchContainer(toWatched(row, running), (reason) => running.abandon(reason));
  const [outcome, leftovers] = await Promise.all([
    pump(deps, execution, writer),
    stopWhenAsked(deps, execution),
  ]);
  unwatch();
  const startedAtMs = await noting.end();
  const totals = await closeWriter(writer, outcome);
  if (outcome.kind === "detached") return;
  const settlement = toSettlement({
    outcome,
    stop: self.stopReason ?? toOwnStop(outcome, plan),
    leftovers: await findLeftovers(execution, outcome, leftovers),
    totals,
    atMs: deps.now(),
  });
  const retry = toRetry(deps, execution, settlement);
  const change = hideInChange(mask, { ...settlement, startedAtMs, retry });
  try {
    await settle(deps, row.id, change);
  } finally {
    await writer.wasWritten();
  }
  running.release();
}

function toRetry(
  { newExecutionId }: ExecuteDeps,
  { plan, row }: Running,
  { state, leftovers = [], atMs }: ExecutionChange,
): ExecutionChange["retry"] {
  if (!plan.retry) return undefined;
  const ended = { attempt: row.attempt, state, leftovers: leftovers.length };
  const delayMs = findRetryDelayMs(plan.retry, ended);
  return delayMs === undefined ? undefined : { id: newExecutionId(), notBeforeMs: atMs + delayMs };
}

/** After a stop its own look is the newest; where the guard was killed, somebody else has to look. */
async function findLeftovers(
  { session, spec, self }: Running,
  outcome: EndedOutcome,
  afterStop: readonly Leftover[],
): Promise<readonly Leftover[]> {
  if (self.stopReason) return afterStop;
  if (outcome.kind === "exited") return outcome.leftovers;
  if (outcome.reason.code !== "guard-gone") return [];
  return session.findLeftovers(spec).catch(() => []);
}

/** The deadline that was kept inside the container. */
function toOwnStop(outcome: EndedOutcome, { timeoutMs }: RunPlan): StopReason | undefined {
  return outcome.kind === "exited" && outcome.stoppedBy === "deadline"
    ? toDeadline(timeoutMs)
    : undefined;
}

async function pump(
  deps: ExecuteDeps,
  execution: Running,
  writer: OutputWriter,
): Promise<SessionOutcome> {
  const { running } = execution;
  const output = await withoutSecrets(deps.output, execution);
  for await (const chunk of output) await writer.append(chunk.stream, chunk.bytes);
  return running.outcome;
}

async function closeWriter(writer: OutputWriter, { kind, dropped }: SessionOutcome) {
  writer.countDropped("stdout", dropped.stdout);
  writer.countDropped("stderr", dropped.stderr);
  return writer.close({ hasEnd: kind !== "detached" });
}

function toWatched(row: ExecutionRow, { guarantees }: Running["running"]): WatchedContainer {
  return {
    engine: row.engine,
    waitsForEngine: guarantees.survivesServerRestart,
    containerId: row.container_id,
    startedAt: row.container_started_at ?? undefined,
  };
}

interface Unstarted {
  readonly state: "rejected" | "lost" | "cancelled" | "timed-out";
  readonly reason: OutcomeReason;
}

async function settleUnstarted(
  deps: ExecuteDeps,
  executionId: string,
  { state, reason }: Unstarted,
): Promise<void> {
  await settle(deps, executionId, { state, reason, atMs: deps.now() });
}

async function settle(
  deps: ExecuteDeps,
  executionId: string,
  change: ExecutionChange,
): Promise<void> {
  const moved = await move(deps, executionId, change);
  deps.observe.settled(moved);
  if (moved.run.finished_at === null) return;
  deps.output.closeRun(moved.run.id);
}

/** A fault of ours must not leave an execution open for ever; what may have started is lost. */
async function settleAfterFault(
  deps: ExecuteDeps,
  executionId: string,
  error: unknown,
): Promise<void> {
  deps.observe.failed(executionId, error);
  const row = await findExecution(deps.db, executionId).catch(() => undefined);
  if (!row || isTerminal(row.state as ExecutionState)) return;
  const state = row.state === "queued" ? "rejected" : "lost";
  const detail = "Deckhand itself failed here; the server's log says more.";
  const code = state === "lost" ? "exit-unknown" : "start-refused";
  await settleUnstarted(deps, executionId, { state, reason: { code, detail } });
}
