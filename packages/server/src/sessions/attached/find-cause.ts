import { isAppError, type OutcomeReason } from "@deckhand/core";
import type { Engine, EngineContainerDetail } from "../../engines/engine.ts";
import type { ExecutionSpec } from "../session.ts";
import { sweep } from "./sweep.ts";

export interface CauseOptions {
  readonly engine: Engine;
  readonly spec: ExecutionSpec;
  readonly containerStartedAt: string | undefined;
  /** What the connection broke with; absent when the stream ended cleanly. */
  readonly cause: unknown;
}

/** The engine ends the streams of a container that it kills before it says that the container is not running. */
const SEEN_ENDED_WITHIN_MS = 3_000;
const LOOK_AGAIN_MS = 150;

/** Finds out why a stream ended without the script's end; the engine's own exit code is not to be believed then. */
export async function findCause(options: CauseOptions): Promise<OutcomeReason> {
  try {
    return await look(options);
  } catch (error) {
    const detail = isAppError(error) ? error.message : String(error);
    return { code: "engine-unreachable", detail: `The connection was lost: ${detail}` };
  }
}

async function look(options: CauseOptions): Promise<OutcomeReason> {
  const until = performance.now() + SEEN_ENDED_WITHIN_MS;
  for (;;) {
    const ended = await lookAtContainer(options);
    if (ended) return ended;
    if (performance.now() > until) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  const still = await stillRunning(options);
  if (options.cause !== undefined) {
    return {
      code: "connection-lost",
      detail: `The connection to the engine broke while the script ran; ${still}`,
    };
  }
  return {
    code: "exit-unknown",
    detail: `The process that reports the script's end was killed; ${still}`,
  };
}

/** `undefined` while the container that the script started in seems to run. */
async function lookAtContainer({
  engine,
  spec,
  containerStartedAt,
}: CauseOptions): Promise<OutcomeReason | undefined> {
  const container = await engine.findContainer(spec.containerId, AbortSignal.timeout(5_000));
  if (!container)
    return { code: "container-gone", detail: "The container was removed while the script ran." };
  return toContainerEnd(container, containerStartedAt);
}

function toContainerEnd(
  container: EngineContainerDetail,
  startedAt: string | undefined,
): OutcomeReason | undefined {
  const { status, exitCode, oomKilled } = container;
  if (status !== "running" && status !== "paused") {
    const how = `The container is ${status} (exit code ${exitCode}); the script ended with it.`;
    return oomKilled
      ? { code: "out-of-memory", detail: `The container ran out of memory. ${how}` }
      : { code: "container-stopped", detail: how };
  }
  if (startedAt === undefined || container.startedAt === startedAt) return undefined;
  return {
    code: "container-restarted",
    detail: "The container was restarted while the script ran.",
  };
}

async function stillRunning({ engine, spec }: CauseOptions): Promise<string> {
  const left = await sweep(engine, { place: spec, signal: "0", wrapperPid: undefined }).catch(
    () => undefined,
  );
  if (!left) return "whether it still runs could not be seen.";
  if (left.length === 0) return "nothing of it was found running.";
  return `process ${left.map(({ pid }) => pid).join(", ")} of it still runs.`;
}
