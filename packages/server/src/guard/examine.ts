import { randomBytes } from "node:crypto";
import { AppError, type Guarantees, isAppError, type OutcomeReason } from "@deckhand/core";
import type { Engine, EngineContainerDetail } from "../engines/engine.ts";
import type { Examination, ContainerPlace } from "../sessions/examination.ts";
import { AS_THE_CONTAINER, type ExecutionSpec, type Session } from "../sessions/session.ts";
import { GUARD_GUARANTEES } from "./guard-execution.ts";
import type { GuardSession } from "./guard-session.ts";
import { probe } from "./probe.ts";
import { explainTried } from "./way-advice.ts";
import { NoWay, type TriedWay } from "./ways/open-by-any-way.ts";

const START_WITHIN_MS = 15_000;
const END_WITHIN_MS = 10_000;

export interface ExamineDeps {
  readonly engine: Engine;
  readonly fallback: Session;
  /** What holds for a plain command line where there is no shell; `undefined` where it is not allowed. */
  readonly withoutShell: Guarantees | undefined;
  /** `undefined` when no guard was built for the engine's machine. */
  readonly findSession: () => Promise<GuardSession | undefined>;
}

/** Tries what an execution would try, one after the other, and looks around. */
export async function examine(deps: ExamineDeps, place: ContainerPlace): Promise<Examination> {
  const { engine } = deps;
  const [version, container] = await Promise.all([
    engine.version(),
    engine.findContainer(place.containerId),
  ]);
  assertRunning(container, place);
  const ways = await examineGuard(deps, version.arch);
  const run = ways.guard ? { guarantees: GUARD_GUARANTEES } : await examineFallback(deps, place);
  return {
    engine: version,
    container,
    ...ways,
    refusal: undefined,
    ...run,
    inside: await probe(engine, container, place),
  };
}

function assertRunning(
  container: EngineContainerDetail | undefined,
  { containerId }: ContainerPlace,
): asserts container is EngineContainerDetail {
  if (!container) {
    const detail = `The container ${containerId.slice(0, 12)} is not there any more.`;
    throw new AppError("TARGET_NOT_FOUND", { detail });
  }
  const { name, status } = container;
  if (status === "running") return;
  throw new AppError("TARGET_STATE_CONFLICT", {
    detail: `The container ${name} is ${status}; only in a running one it can be seen what it allows.`,
    hint: status === "paused" ? `Let it go on: docker unpause ${name}` : "Try again when it runs.",
    extra: { containerStatus: status },
  });
}

type Ways = Pick<Examination, "guard" | "tried">;

async function examineGuard({ findSession }: ExamineDeps, architecture: string): Promise<Ways> {
  const session = await findSession();
  if (!session) return { guard: undefined, tried: [notBuilt(architecture)] };
  try {
    const { link, tried, wasThere } = await session.examine();
    const { version, protocol, pid, uid } = link.hello;
    const { way, path } = link;
    return {
      guard: { way, path, version, protocol, pid, uid, wasThere },
      tried: explainAll(tried),
    };
  } catch (error) {
    if (error instanceof NoWay) return { guard: undefined, tried: explainAll(error.tried) };
    if (isAppError(error)) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    return { guard: undefined, tried: [{ way: "guard", problem, advice: "Try again." }] };
  }
}

/** A way may be tried at several places, for the same reason in vain. */
function explainAll(tried: readonly TriedWay[]): Ways["tried"] {
  const explained = tried.map(explainTried);
  return [...new Map(explained.map((one) => [`${one.way}: ${one.problem}`, one])).values()];
}

function notBuilt(architecture: string): Examination["tried"][number] {
  return {
    way: "guard",
    problem: `no guard was built for ${architecture || "this machine"}`,
    advice: "Build it where the server is installed: node tools/guard/build-guard.mjs",
  };
}

type Run = Pick<Examination, "guarantees" | "refusal">;

/** A script without a word says best what holds for scripts. */
async function examineFallback(
  { fallback, withoutShell }: ExamineDeps,
  place: ContainerPlace,
): Promise<Run> {
  const script = await tryStart(fallback, { ...place, program: EMPTY_SCRIPT });
  const { refusal } = script;
  if (refusal?.code === "no-shell") return { guarantees: withoutShell, refusal };
  if (refusal?.code !== "no-writable-directory") return script;
  const { guarantees } = await tryStart(fallback, { ...place, program: EMPTY_COMMAND });
  return { guarantees, refusal };
}

async function tryStart(
  session: Session,
  what: ContainerPlace & Pick<ExecutionSpec, "program">,
): Promise<Run> {
  const result = await session.start(toSpec(what));
  if (result.kind === "detached") return { guarantees: undefined, refusal: SHUTTING_DOWN };
  if (result.kind !== "started") return { guarantees: undefined, refusal: result.reason };
  const { execution } = result;
  const timer = setTimeout(() => execution.abandon(NOT_ENDED), END_WITHIN_MS);
  for await (const _ of execution.output);
  await execution.outcome;
  clearTimeout(timer);
  execution.release();
  return { guarantees: execution.guarantees, refusal: undefined };
}

const EMPTY_SCRIPT: ExecutionSpec["program"] = {
  kind: "script",
  text: ":\n",
  launch: { commands: ["sh"], flags: [], delivery: "descriptor", extension: ".sh", prelude: "" },
};
const EMPTY_COMMAND: ExecutionSpec["program"] = { kind: "argv", argv: ["sh", "-c", ":"] };

const SHUTTING_DOWN: OutcomeReason = {
  code: "server-shutdown",
  detail: "The server is shutting down.",
};

const NOT_ENDED: OutcomeReason = {
  code: "start-timed-out",
  detail: "A script without a word did not end in time.",
};

function toSpec({
  containerId,
  user,
  program,
}: ContainerPlace & Pick<ExecutionSpec, "program">): ExecutionSpec {
  const id = randomBytes(13).toString("hex");
  return {
    executionId: `exe_${id}`,
    runId: `run_${id}`,
    containerId,
    user,
    program,
    args: [],
    env: {},
    stdin: undefined,
    workdir: "",
    startTimeoutMs: START_WITHIN_MS,
    outputBytes: 64 * 1024,
    timeoutMs: END_WITHIN_MS,
    killGraceMs: 1_000,
    survivors: "kill",
    resources: AS_THE_CONTAINER,
  };
}
