import {
  type ExecutionState,
  type Guarantees,
  isAppError,
  isTerminal,
  type OutcomeReason,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { OutputLog } from "../output/output-log.ts";
import type { OutputWriter } from "../output/output-writer.ts";
import type {
  ExecutionSpec,
  Leftover,
  RunningExecution,
  Session,
  SessionOutcome,
} from "../sessions/session.ts";
import { type RunPlan, readPlan } from "./run-plan.ts";
import type { RunSignals } from "./run-signals.ts";
import {
  changeWay,
  type ExecutionChange,
  type ExecutionRow,
  findExecution,
  findScriptText,
  findStdin,
  getRun,
  type MovedExecution,
  moveExecution,
} from "./run-store.ts";
import type { SecretMemory } from "./secret-memory.ts";
import { type EndedOutcome, type StopReason, toSettlement } from "./settlement.ts";

/** How long the end may take after a stop said that nothing is left, or that nothing more can be done. */
const END_AFTER_STOP_MS = 5_000;
/** What an earlier server process had started gets this long to tell an end that is past. */
const HEARD_WITHIN_MS = 5_000;
const STORAGE_RETRY_MS = 1_000;
const NOTE_AFTER_MS = 25;

export interface ExecuteDeps {
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly output: OutputLog;
  readonly signals: RunSignals;
  readonly secrets: SecretMemory;
  readonly now: () => number;
  readonly startTimeoutMs: number;
  /** Gives `undefined` when the engine is not configured (any more). */
  readonly findSession: (engine: string) => Session | undefined;
  /** Calls back once when the container of an execution ended or became another incarnation. */
  readonly watchContainer: (
    place: WatchedContainer,
    onEnd: (reason: OutcomeReason) => void,
  ) => () => void;
  readonly observe: ExecutionObserver;
}

export interface WatchedContainer {
  readonly engine: string;
  readonly containerId: string;
  readonly startedAt: string | undefined;
  /** What is durable goes on while the engine is away; anything else is lost then. */
  readonly waitsForEngine?: boolean;
}

/** What metrics want to know. */
export interface ExecutionObserver {
  started(execution: ExecutionRow, guarantees: Guarantees): void;
  settled(moved: MovedExecution): void;
  /** A fault of ours, for the log. */
  failed(executionId: string, error: unknown): void;
}

export interface Executor {
  /** Carries out one waiting execution; resolves when it is settled, or detached. Never rejects. */
  execute(executionId: string): Promise<void>;
  /** Takes up one that an earlier server process started in a durable way. Likewise. */
  resume(executionId: string): Promise<void>;
  /** Asks for the end of one that is under way; false when it is not. The first reason wins. */
  stop(executionId: string, reason: StopReason): boolean;
  /** Gives up all that is still under way. */
  abandonAll(reason: OutcomeReason): void;
}

/** The part of an execution that others can reach while it is under way. */
interface UnderWay {
  stopReason: StopReason | undefined;
  wake: () => void;
  abandoned: OutcomeReason | undefined;
  running: RunningExecution | undefined;
}

export function executor(deps: ExecuteDeps): Executor {
  const underWay = new Map<string, UnderWay>();
  async function follow(executionId: string, how: typeof carryOut): Promise<void> {
    const self: UnderWay = {
      stopReason: undefined,
      wake: () => {},
      abandoned: undefined,
      running: undefined,
    };
    underWay.set(executionId, self);
    try {
      await how(deps, executionId, self);
    } catch (error) {
      await settleAfterFault(deps, executionId, error);
    } finally {
      underWay.delete(executionId);
    }
  }
  return {
    execute: (executionId) => follow(executionId, carryOut),
    resume: (executionId) => follow(executionId, takeUp),
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
  if (waiting?.state !== "queued" || self.abandoned) return;
  if (self.stopReason) return settleUnstarted(deps, executionId, self.stopReason);
  const prepared = await prepare(deps, waiting);
  if ("code" in prepared)
    return settleUnstarted(deps, executionId, { state: "rejected", reason: prepared });
  await start(deps, { ...prepared, row: waiting, self });
}

interface Startable extends Prepared {
  readonly row: ExecutionRow;
  readonly self: UnderWay;
}

async function start(deps: ExecuteDeps, startable: Startable): Promise<void> {
  const { session, spec, row } = startable;
  const result = await session.start(spec, (guarantees) => noteWay(deps, row, guarantees));
  if (result.kind === "detached") return;
  if (result.kind !== "started")
    return settleUnstarted(deps, row.id, { state: result.kind, reason: result.reason });
  await runToEnd(deps, { ...startable, running: result.execution, isResumed: false });
}

async function takeUp(deps: ExecuteDeps, executionId: string, self: UnderWay): Promise<void> {
  const row = await findExecution(deps.db, executionId);
  if (!row || isTerminal(row.state as ExecutionState)) return;
  const prepared = await prepare(deps, row);
  // A secret that was forgotten is needed for a start only.
  if ("code" in prepared) return settleUnstarted(deps, executionId, toTakenUp(row, prepared));
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
  await settleUnstarted(deps, executionId, { state: "lost", reason });
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

/** Written down before anything can run, so that after a crash we know where to look for it. */
async function noteWay(
  deps: ExecuteDeps,
  { id, state }: ExecutionRow,
  guarantees: Guarantees,
): Promise<void> {
  if (state === "queued") {
    await move(deps, id, { state: "starting", atMs: deps.now(), guarantees });
    return;
  }
  // An earlier server process had come this far.
  await changeWay(deps.db, id, guarantees);
  await deps.synced();
}

interface Prepared {
  readonly plan: RunPlan;
  readonly spec: ExecutionSpec;
  readonly session: Session;
}

async function prepare(deps: ExecuteDeps, row: ExecutionRow): Promise<Prepared | OutcomeReason> {
  const session = deps.findSession(row.engine);
  if (!session) {
    return {
      code: "engine-unreachable",
      detail: `The engine ${row.engine} is not configured any more.`,
    };
  }
  const plan = readPlan((await getRun(deps.db, row.run_id)).plan_json);
  const secrets = deps.secrets.find(row.run_id);
  if (plan.secretNames.length > 0 && !secrets) {
    return {
      code: "secret-forgotten",
      detail: `The server restarted before the start, and secrets (${plan.secretNames.join(", ")}) are kept in memory only.`,
    };
  }
  const spec = await toSpec(deps, { row, plan, secrets: secrets ?? {} });
  return { plan, session, spec };
}

interface SpecParts {
  readonly row: ExecutionRow;
  readonly plan: RunPlan;
  readonly secrets: Readonly<Record<string, string>>;
}

async function toSpec(
  deps: ExecuteDeps,
  { row, plan, secrets }: SpecParts,
): Promise<ExecutionSpec> {
  return {
    executionId: row.id,
    runId: row.run_id,
    containerId: row.container_id,
    containerStartedAt: row.container_started_at ?? undefined,
    program: await toProgram(deps, plan),
    args: plan.args,
    env: { ...plan.env, ...secrets },
    stdin: plan.hasStdin ? await findStdin(deps.db, row.run_id) : undefined,
    user: plan.user,
    workdir: plan.workdir,
    startTimeoutMs: deps.startTimeoutMs,
    outputBytes: plan.outputBytes,
    timeoutMs: plan.timeoutMs,
    killGraceMs: plan.killGraceMs,
    survivors: plan.survivors,
    resources: plan.resources,
  };
}

async function toProgram(
  deps: ExecuteDeps,
  { program }: RunPlan,
): Promise<ExecutionSpec["program"]> {
  if (program.kind === "argv") return program;
  const text = await findScriptText(deps.db, program.sha256);
  if (text === undefined)
    throw new Error(`the script text ${program.sha256} of an accepted run is missing`);
  return { kind: "script", text, launch: program.launch };
}

interface Running extends Startable {
  readonly running: RunningExecution;
  /** Whether an earlier server process has written part of its output. */
  readonly isResumed: boolean;
}

async function runToEnd(deps: ExecuteDeps, execution: Running): Promise<void> {
  const { row, plan, running, self, isResumed } = execution;
  const writer = await deps.output.openWriter({
    runId: row.run_id,
    executionId: row.id,
    limitBytes: plan.outputBytes,
    onStored: running.acknowledge,
    resume: isResumed,
  });
  const noting = noteRunning(deps, execution);
  self.running = running;
  if (self.abandoned) running.detach(self.abandoned);
  const unwatch = deps.watchContainer(toWatched(row, running), (reason) => running.abandon(reason));
  const [outcome, leftovers] = await Promise.all([
    pump(running, writer),
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
  await settle(deps, row.id, { ...settlement, startedAtMs });
  running.release();
}

/** Says that the script runs, when that is not known yet. */
function noteRunning(deps: ExecuteDeps, { row, running, isResumed }: Running): Noting {
  if (isResumed && row.state === "running") return { end: async () => undefined };
  const { guarantees } = running;
  const atMs = deps.now();
  let noted: Promise<void> | undefined;
  const note = async () => {
    const moved = await move(deps, row.id, { state: "running", atMs, guarantees });
    deps.observe.started(moved.execution, guarantees);
  };
  // A fault is told where the end is waited for, after the output was taken.
  const timer = setTimeout(() => {
    noted = note();
    noted.catch(() => {});
  }, NOTE_AFTER_MS);
  return {
    end: async () => {
      clearTimeout(timer);
      await noted;
      if (noted) return undefined;
      deps.observe.started({ ...row, started_at: atMs }, guarantees);
      return atMs;
    },
  };
}

/** That a script runs is written down on its own only when it does not end at once: that step can be left out then. */
interface Noting {
  /** Gives when it began to run, where that was not written down. */
  end(): Promise<number | undefined>;
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

async function pump(running: RunningExecution, writer: OutputWriter): Promise<SessionOutcome> {
  for await (const chunk of running.output) await writer.append(chunk.stream, chunk.bytes);
  return running.outcome;
}

/** Waits for the deadline or a cancel, whichever is first, and stops the script; ends with the script. */
async function stopWhenAsked(deps: ExecuteDeps, execution: Running): Promise<readonly Leftover[]> {
  const { plan, running, self } = execution;
  const ended = running.outcome.then(() => "ended" as const);
  const deadline = running.keepsDeadline
    ? undefined
    : setTimeout(
        () => {
          self.stopReason ??= toDeadline(plan.timeoutMs);
          self.wake();
        },
        toTimeLeft(deps, execution),
      );
  const asked = new Promise<"asked">((resolve) => {
    self.wake = () => resolve("asked");
    if (self.stopReason) resolve("asked");
  });
  const first = await Promise.race([ended, asked]);
  clearTimeout(deadline);
  if (first === "ended") return [];
  const leftovers = await running.stop({ graceMs: plan.killGraceMs });
  await abandonUnlessEnded(running, leftovers);
  return leftovers;
}

/** The time without a server counts too; what ended in it must be heard all the same. */
function toTimeLeft({ now }: ExecuteDeps, { plan, row, isResumed }: Running): number {
  if (!isResumed || row.started_at === null) return plan.timeoutMs;
  return Math.max(HEARD_WITHIN_MS, plan.timeoutMs - (now() - row.started_at));
}

function toDeadline(timeoutMs: number): StopReason {
  return {
    state: "timed-out",
    reason: {
      code: "deadline",
      detail: `The script ran longer than its timeout of ${timeoutMs / 1000} s.`,
    },
  };
}

async function abandonUnlessEnded(
  running: RunningExecution,
  leftovers: readonly Leftover[],
): Promise<void> {
  const patience = setTimeout(() => running.abandon(toUnknownEnd(leftovers)), END_AFTER_STOP_MS);
  await running.outcome;
  clearTimeout(patience);
}

function toUnknownEnd(leftovers: readonly Leftover[]): OutcomeReason {
  const seen =
    leftovers.length === 0 ? "nothing of it was found running" : "some of it could not be ended";
  return {
    code: "exit-unknown",
    detail: `The script was told to stop and ${seen}, but its end was not reported.`,
  };
}

async function closeWriter(writer: OutputWriter, { dropped }: SessionOutcome) {
  writer.countDropped("stdout", dropped.stdout);
  writer.countDropped("stderr", dropped.stderr);
  return writer.close();
}

function toWatched(row: ExecutionRow, { guarantees }: RunningExecution): WatchedContainer {
  return {
    engine: row.engine,
    waitsForEngine: guarantees.survivesServerRestart,
    containerId: row.container_id,
    startedAt: row.container_started_at ?? undefined,
  };
}

/** What can not be taken up: never started, or beyond our reach. */
function toTakenUp(row: ExecutionRow, reason: OutcomeReason): Unstarted {
  const wasStarted = row.state === "running" || reason.code !== "secret-forgotten";
  return { state: wasStarted ? "lost" : "rejected", reason };
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
  deps.secrets.forget(moved.run.id);
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

/** Writes a step down; on a full or failing disk it waits, because what happened is known only here. */
async function move(
  deps: ExecuteDeps,
  executionId: string,
  change: ExecutionChange,
): Promise<MovedExecution> {
  for (;;) {
    try {
      const moved = await moveExecution(deps.db, executionId, change);
      // A script may be said to run a moment before that is on the disk: its start is, and its end will be.
      if (change.state !== "running") await deps.synced();
      deps.signals.notify(moved.run.id);
      return moved;
    } catch (error) {
      if (!isAppError(error, "STORAGE_FULL", "STORAGE_UNAVAILABLE")) throw error;
      await new Promise((resolve) => setTimeout(resolve, STORAGE_RETRY_MS));
    }
  }
}
