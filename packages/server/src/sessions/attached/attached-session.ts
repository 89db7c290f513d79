import { randomBytes } from "node:crypto";
import { type AppError, isAppError, type OutcomeReason } from "@deckhand/core";
import type { Engine, EngineExec } from "../../engines/engine.ts";
import { startDirect } from "../direct/direct-execution.ts";
import type { ExecutionSpec, Session, StartResult } from "../session.ts";
import {
  ATTACHED_GUARANTEES,
  type AttachedExecution,
  attachExecution,
  type FirstWord,
} from "./attached-execution.ts";
import { findTooLarge, toEnvironment } from "./environment.ts";
import { findCause } from "./find-cause.ts";
import { WRAPPER_COMMAND } from "./programs.ts";
import { toRefusal, toStartFailure } from "./start-failures.ts";
import { sweep } from "./sweep.ts";

const RETRY_MS = 250;
const STDIN_PIECE_BYTES = 64 * 1024;

/** Our program's own refusals, before anything of the script ran. */
const REFUSALS: Readonly<Record<string, OutcomeReason["code"]>> = {
  "no-interpreter": "interpreter-missing",
  "no-directory": "no-writable-directory",
  "no-head": "start-refused",
};

const NO_TERMINAL: OutcomeReason = {
  code: "terminal-impossible",
  detail:
    "A terminal needs the guard, and there is no way to start it in this container; `deckhand doctor` says why.",
};

export interface AttachedSessionOptions {
  readonly engine: Engine;
  /** Whether a plain command line may be started by itself in a container without a shell. */
  readonly directExec: boolean;
}

/** Runs scripts by an exec of the engine that stays attached until their end. */
export function attachedSession({ engine, directExec }: AttachedSessionOptions): Session {
  return {
    start: async (spec, onWay) => {
      if (spec.terminal) return rejected(NO_TERMINAL);
      const nonce = randomBytes(16).toString("hex");
      const env = toEnvironment(spec, nonce);
      const tooLarge = findTooLarge(env);
      if (tooLarge) return rejected({ code: "environment-too-large", detail: tooLarge });
      await onWay?.(ATTACHED_GUARANTEES);
      const result = await start({
        engine,
        spec,
        nonce,
        env,
        deadline: performance.now() + spec.startTimeoutMs,
      });
      if (!isWithoutShell(result)) return result;
      if (!directExec || spec.program.kind !== "argv") return withAdvice(result, spec);
      return startDirect(engine, spec);
    },
    resume: async () => ({ kind: "unknown" }),
    findLeftovers: async (place) =>
      (await sweep(engine, { place, signal: "0", wrapperPid: undefined })) ?? [],
  };
}

type Rejected = Extract<StartResult, { kind: "rejected" }>;

function isWithoutShell(result: StartResult): result is Rejected {
  return result.kind === "rejected" && result.reason.code === "no-shell";
}

function withAdvice({ reason }: Rejected, { program }: ExecutionSpec): StartResult {
  if (program.kind !== "argv") return rejected(reason);
  const advice =
    "An operator can allow plain command lines there with directExec in the engine's configuration.";
  return rejected({ ...reason, detail: `${reason.detail} ${advice}` });
}

interface Start {
  readonly engine: Engine;
  readonly spec: ExecutionSpec;
  readonly nonce: string;
  readonly env: Readonly<Record<string, string>>;
  /** In terms of `performance.now()`. */
  readonly deadline: number;
}

async function start(starting: Start): Promise<StartResult> {
  const { engine, spec, nonce } = starting;
  const container = engine.findContainer(spec.containerId).catch(() => undefined);
  const exec = await openExec(starting);
  if ("kind" in exec) return exec;
  const containerStartedAt = (await container)?.startedAt;
  const attached = attachExecution({ engine, exec, spec, nonce, containerStartedAt });
  const result = await toStartResult({ ...starting, containerStartedAt }, attached);
  if (result.kind === "started") void writeStdin(exec, spec.stdin);
  return result;
}

export interface Starting extends Pick<Start, "engine" | "spec" | "deadline"> {
  readonly containerStartedAt: string | undefined;
}

/** Waits for the first word of our program. */
export async function toStartResult(
  starting: Starting,
  attached: AttachedExecution,
): Promise<StartResult> {
  const word = await Promise.race([attached.firstWord, timeUp(starting.deadline)]);
  if (word === undefined) return giveUp(starting, attached);
  if (word.kind !== "ready") return discard(attached, await toUnstarted(starting, word));
  return { kind: "started", execution: attached.running };
}

/** Tries again while the container is paused or restarting, as long as there is time. */
async function openExec({ engine, spec, env, deadline }: Start): Promise<EngineExec | StartResult> {
  const request = {
    containerId: spec.containerId,
    cmd: WRAPPER_COMMAND,
    env,
    user: spec.user,
    workdir: spec.workdir,
  };
  for (;;) {
    try {
      return await engine.startExec(request);
    } catch (error) {
      if (!isAppError(error)) throw error;
      if (isPassing(error) && performance.now() + RETRY_MS < deadline) {
        await delay(RETRY_MS);
        continue;
      }
      const reason = toRefusal(error);
      return error.extra.started === true ? { kind: "lost", reason } : rejected(reason);
    }
  }
}

function isPassing(error: AppError): boolean {
  return ["paused", "restarting"].includes(String(error.extra.containerStatus));
}

async function toUnstarted(
  { engine, spec, containerStartedAt }: Starting,
  word: Exclude<FirstWord, { kind: "ready" }>,
): Promise<StartResult> {
  if (word.kind === "refused") return rejected(toOwnRefusal(spec, word.word));
  if (!word.greeted && word.cause === undefined) return rejected(toStartFailure(word.said));
  return {
    kind: "lost",
    reason: await findCause({ engine, spec, containerStartedAt, cause: word.cause }),
  };
}

function toOwnRefusal({ program }: ExecutionSpec, word: string): OutcomeReason {
  const code = REFUSALS[word] ?? "start-refused";
  const commands = program.kind === "script" ? program.launch.commands.join(" or ") : "";
  const details: Partial<Record<OutcomeReason["code"], string>> = {
    "interpreter-missing": `The container has no ${commands}.`,
    "no-writable-directory":
      "The script could be written nowhere: /dev/shm, /tmp, /var/tmp, the home directory and the working directory were tried.",
    "start-refused": "The container has no `head`, which hands the script its standard input.",
  };
  return { code, detail: details[code] ?? word };
}

/** Nothing was said in time: the script may have started, so what can be found of it is ended. */
async function giveUp(
  { engine, spec }: Starting,
  attached: AttachedExecution,
): Promise<StartResult> {
  const left = await sweep(engine, { place: spec, signal: "KILL", wrapperPid: undefined }).catch(
    () => undefined,
  );
  const reason: OutcomeReason = {
    code: "start-timed-out",
    detail: `No sign of life within ${spec.startTimeoutMs / 1000} s${left ? "; what was found of it was ended." : "."}`,
  };
  return discard(attached, { kind: "lost", reason });
}

function discard(attached: AttachedExecution, result: StartResult): StartResult {
  attached.running.abandon({ code: "start-refused", detail: "It was never started." });
  void (async () => {
    for await (const _ of attached.running.output);
  })();
  return result;
}

async function writeStdin(exec: EngineExec, stdin: Uint8Array | undefined): Promise<void> {
  if (!stdin) return;
  for (let from = 0; from < stdin.length; from += STDIN_PIECE_BYTES) {
    if (!(await exec.write(stdin.subarray(from, from + STDIN_PIECE_BYTES)))) return;
  }
}

function rejected(reason: OutcomeReason): StartResult {
  return { kind: "rejected", reason };
}

function timeUp(deadline: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), Math.max(0, deadline - performance.now())).unref();
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
