import { randomBytes } from "node:crypto";
import { type AppError, isAppError, type OutcomeReason } from "@deckhand/core";
import type { Engine } from "../../engines/engine.ts";
import { toStartResult } from "../attached/attached-session.ts";
import { findTooLarge, toEnvironment } from "../attached/environment.ts";
import { toRefusal } from "../attached/start-failures.ts";
import { sweep } from "../attached/sweep.ts";
import type {
  ByteCounts,
  ExecutionSpec,
  ResumeResult,
  RunningExecution,
  Session,
  StartResult,
} from "../session.ts";
import { FILED_GUARANTEES, followExecution } from "./filed-execution.ts";
import { KEEPER_COMMAND } from "./programs.ts";
import { openHeld, ReaderLink, type Wrapper } from "./reader-link.ts";
import { releaseFiles } from "./release-files.ts";

const NOTHING: ByteCounts = { stdout: 0, stderr: 0 };
const RETRY_MS = 250;
const SHUT_DOWN: OutcomeReason = {
  code: "server-shutdown",
  detail: "The server was shut down while the script ran.",
};

export interface FiledSessionOptions {
  readonly engine: Engine;
  /** Carries out what can not be done with files in a container. */
  readonly fallback: Session;
}

export interface FiledSession extends Session {
  /** Lets go of everything that runs by files; it goes on in the containers. */
  close(): void;
}

/**
 * Runs scripts without anybody attached, with their output in files of the container, where it has a shell, the usual small
 * programs and a directory that can be written to.
 */
export function filedSession({ engine, fallback }: FiledSessionOptions): FiledSession {
  const running = new Set<RunningExecution>();
  const closing = new AbortController();

  function follow(execution: RunningExecution): RunningExecution {
    running.add(execution);
    void execution.outcome.then(() => running.delete(execution));
    if (closing.signal.aborted) execution.detach(SHUT_DOWN);
    return execution;
  }

  return {
    start: async (spec, onWay) => {
      const deadline = performance.now() + spec.startTimeoutMs;
      const prepared = await prepare(engine, spec);
      if (!prepared) {
        const leftMs = Math.max(1_000, deadline - performance.now());
        return fallback.start({ ...spec, startTimeoutMs: leftMs }, onWay);
      }
      await onWay?.(FILED_GUARANTEES);
      const result = await start({ engine, spec, deadline, ...prepared });
      return result.kind === "started"
        ? { ...result, execution: follow(result.execution) }
        : result;
    },
    resume: async (spec, received, way) => {
      if (way !== FILED_GUARANTEES.way) return fallback.resume(spec, received, way);
      const result = await resume({ engine, spec, received, closing: closing.signal });
      return result.kind === "resumed"
        ? { ...result, execution: follow(result.execution) }
        : result;
    },
    findLeftovers: fallback.findLeftovers,
    close: () => {
      closing.abort();
      for (const execution of running) execution.detach(SHUT_DOWN);
    },
  };
}

interface Prepared {
  readonly link: ReaderLink;
  /** `undefined` when somebody has started it already. */
  readonly directory: string | undefined;
}

/** Makes an execution's directory, with its input in it. Gives `undefined` where that can not be. */
async function prepare(engine: Engine, spec: ExecutionSpec): Promise<Prepared | undefined> {
  if (spec.terminal || findTooLarge(toEnvironment(spec, newNonce()))) return undefined;
  try {
    const link = await ReaderLink.open({ engine, spec, act: "start" });
    // Half of the time is left for whoever carries it out then.
    const timer = setTimeout(() => link.close(), spec.startTimeoutMs / 2);
    const prepared = await takePrepared(link, spec);
    clearTimeout(timer);
    if (!prepared) link.close();
    return prepared;
  } catch (error) {
    if (isAppError(error)) return undefined;
    throw error;
  }
}

async function takePrepared(
  link: ReaderLink,
  { stdin }: ExecutionSpec,
): Promise<Prepared | undefined> {
  for (;;) {
    const word = await link.next();
    if (word?.kind !== "note") return undefined;
    if (word.word === "held") return { link, directory: undefined };
    if (word.word === "prepared") return { link, directory: word.values.join(" ") };
    if (word.word !== "input") return undefined;
    await link.writeInput(stdin);
  }
}

interface Start extends Prepared {
  readonly engine: Engine;
  readonly spec: ExecutionSpec;
  /** In terms of `performance.now()`. */
  readonly deadline: number;
}

async function start(starting: Start): Promise<StartResult> {
  const { engine, spec, link, directory } = starting;
  const container = await engine.findContainer(spec.containerId).catch(() => undefined);
  const refusal = directory === undefined ? undefined : await startKeeper(starting, directory);
  if (refusal) {
    const isCancelled = await link.cancel();
    if (isCancelled !== false) return refuse(starting, refusal, isCancelled);
  }
  const wrapper = await awaitWrapper(link, starting.deadline);
  if (!wrapper) return giveUp(starting);
  const containerStartedAt = container?.startedAt;
  const options = { engine, spec, link, wrapper, containerStartedAt, received: NOTHING };
  const result = await toStartResult({ ...starting, containerStartedAt }, followExecution(options));
  if (result.kind !== "started") void releaseFiles(engine, spec);
  return result;
}

/** Gives what the engine said against it; it may have been started all the same. */
async function startKeeper(
  { engine, spec, deadline }: Start,
  directory: string,
): Promise<AppError | undefined> {
  const { DECKHAND_EXECUTION_ID: id = "", ...env } = toEnvironment(spec, newNonce());
  for (;;) {
    try {
      await engine.startDetached({
        containerId: spec.containerId,
        cmd: KEEPER_COMMAND,
        env: { ...env, DECKHAND_FILED_ID: id, DECKHAND_FILED_DIR: directory },
        user: spec.user,
        workdir: spec.workdir,
      });
      return undefined;
    } catch (error) {
      if (!isAppError(error)) throw error;
      if (!isPassing(error) || performance.now() + RETRY_MS > deadline) return error;
      await delay(RETRY_MS);
    }
  }
}

function isPassing(error: AppError): boolean {
  return ["paused", "restarting"].includes(String(error.extra.containerStatus));
}

function refuse(
  { engine, spec, link }: Start,
  refusal: AppError,
  isCancelled: boolean | undefined,
): StartResult {
  link.close();
  void releaseFiles(engine, spec);
  return { kind: isCancelled ? "rejected" : "lost", reason: toRefusal(refusal) };
}

/** Gives `undefined` when it is not there in time, or the connection is gone. */
async function awaitWrapper(link: ReaderLink, deadline: number): Promise<Wrapper | undefined> {
  while (performance.now() < deadline) {
    const wrapper = await link.meet();
    if (wrapper !== "waiting") return wrapper;
  }
  return undefined;
}

/** Nothing was seen of it in time. It is kept from starting, or ended if it has. */
async function giveUp({ engine, spec, link }: Start): Promise<StartResult> {
  const isCancelled = await link.cancel();
  link.close();
  if (!isCancelled) {
    const ended = sweep(engine, { place: spec, signal: "KILL", wrapperPid: undefined });
    await ended.catch(() => undefined);
  }
  void releaseFiles(engine, spec);
  const detail = `No sign of life within ${spec.startTimeoutMs / 1000} s.`;
  return { kind: isCancelled ? "rejected" : "lost", reason: { code: "start-timed-out", detail } };
}

interface Resume {
  readonly engine: Engine;
  readonly spec: ExecutionSpec;
  readonly received: ByteCounts;
  readonly closing: AbortSignal;
}

/** Waits for an engine that is away and for a container that stands still: what runs there goes on. */
async function resume(resuming: Resume): Promise<ResumeResult> {
  const { engine, spec, closing } = resuming;
  while (!closing.aborted) {
    try {
      const container = await engine.findContainer(spec.containerId);
      if (!container) return gone();
      const { startedAt } = container;
      if (isOther(startedAt, spec.containerStartedAt)) return restarted();
      const link = await openHeld({ engine, spec });
      if (link === "absent") return { kind: "unknown" };
      if (link) return await takeUp(resuming, link, startedAt);
    } catch (error) {
      if (!isAppError(error)) throw error;
      if (!isPassing(error) && error.code !== "ENGINE_UNREACHABLE")
        return { kind: "lost", reason: toRefusal(error) };
    }
    await delay(RETRY_MS);
  }
  return { kind: "detached" };
}

async function takeUp(
  { engine, spec, received }: Resume,
  link: ReaderLink,
  containerStartedAt: string,
): Promise<ResumeResult> {
  const deadline = performance.now() + spec.startTimeoutMs;
  const wrapper = await awaitWrapper(link, deadline);
  if (!wrapper) {
    link.close();
    const detail = "The script was about to start when the server ended, and did not.";
    return { kind: "lost", reason: { code: "exit-unknown", detail } };
  }
  const following = followExecution({ engine, spec, link, wrapper, received, containerStartedAt });
  const result = await toStartResult({ engine, spec, deadline, containerStartedAt }, following);
  if (result.kind === "started") return { kind: "resumed", execution: result.execution };
  void releaseFiles(engine, spec);
  return result.kind === "rejected" ? { kind: "lost", reason: result.reason } : result;
}

/** A run knows its container's start to the millisecond only. */
function isOther(startedAt: string, planned: string | undefined): boolean {
  return planned !== undefined && Date.parse(startedAt) !== Date.parse(planned);
}

function gone(): ResumeResult {
  const detail = "The container was removed while the script ran.";
  return { kind: "lost", reason: { code: "container-gone", detail } };
}

function restarted(): ResumeResult {
  const detail = "The container was restarted while the script ran.";
  return { kind: "lost", reason: { code: "container-restarted", detail } };
}

function newNonce(): string {
  return randomBytes(16).toString("hex");
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
