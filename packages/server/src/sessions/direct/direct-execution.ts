import { type Guarantees, isAppError, type OutcomeReason } from "@deckhand/core";
import type { Engine, EngineExec } from "../../engines/engine.ts";
import { OutputQueue } from "../output-queue.ts";
import { toRefusal } from "../attached/start-failures.ts";
import type { ExecutionSpec, RunningExecution, SessionOutcome, StartResult } from "../session.ts";

export const DIRECT_GUARANTEES: Guarantees = {
  way: "direct-exec",
  durability: "none",
  stop: "none",
  survivesServerRestart: false,
};
/** The engine records an exit code a moment after the stream ended. */
const LOOKS = 20;
const LOOK_AGAIN_MS = 100;

/**
 * Starts a plain command line as the exec itself, in a container without a shell. Nothing reports its end but the engine,
 * whose word counts only while the connection holds; nothing can stop it.
 */
export async function startDirect(engine: Engine, spec: ExecutionSpec): Promise<StartResult> {
  if (spec.program.kind !== "argv")
    throw new TypeError("only a command line can be started directly");
  const { containerId, env, user, workdir } = spec;
  const cmd = [...spec.program.argv, ...spec.args];
  const mark = { DECKHAND_EXECUTION_ID: spec.executionId, DECKHAND_RUN_ID: spec.runId };
  try {
    const exec = await engine.startExec({
      containerId,
      cmd,
      env: { ...env, ...mark },
      user,
      workdir,
    });
    return { kind: "started", execution: follow(engine, exec, spec) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { kind: error.extra.started === true ? "lost" : "rejected", reason: toRefusal(error) };
  }
}

type Ending =
  | { readonly broken: false }
  | { readonly broken: true; readonly reason: OutcomeReason };

function follow(
  engine: Engine,
  exec: EngineExec,
  { outputBytes }: ExecutionSpec,
): RunningExecution {
  const queue = new OutputQueue(outputBytes);
  const abandoned = Promise.withResolvers<Ending>();

  async function read(): Promise<Ending> {
    try {
      for await (const chunk of exec.output) queue.push(chunk);
      return { broken: false };
    } catch (error) {
      const detail = isAppError(error) ? error.message : String(error);
      return { broken: true, reason: { code: "connection-lost", detail } };
    }
  }

  async function finish(): Promise<SessionOutcome> {
    const ending = await Promise.race([read(), abandoned.promise]);
    exec.close();
    queue.end();
    await queue.drained;
    const { dropped } = queue;
    return ending.broken
      ? { kind: "lost", reason: ending.reason, dropped }
      : { ...(await askEngine(engine, exec)), dropped };
  }

  return {
    guarantees: DIRECT_GUARANTEES,
    keepsDeadline: false,
    acknowledge: () => {},
    release: () => {},
    output: queue,
    outcome: finish(),
    stop: async () => [],
    abandon: (reason) => abandoned.resolve({ broken: true, reason }),
    detach: (reason) => abandoned.resolve({ broken: true, reason }),
  };
}

async function askEngine(engine: Engine, exec: EngineExec): Promise<SessionOutcome> {
  const nothing = { stdout: 0, stderr: 0 };
  for (let look = 0; look < LOOKS; look++) {
    const status = await engine.findExec(exec.execId).catch(() => undefined);
    if (status && !status.running && status.exitCode !== undefined) {
      return {
        kind: "exited",
        exitCode: status.exitCode,
        signal: undefined,
        stoppedBy: undefined,
        usage: undefined,
        outputComplete: false,
        dropped: nothing,
        leftovers: [],
      };
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  return {
    kind: "lost",
    reason: { code: "exit-unknown", detail: "The engine gave no exit code." },
    dropped: nothing,
  };
}
