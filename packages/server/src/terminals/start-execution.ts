import { AppError, type IdKind, type OpenTerminalRequest, type Target } from "@deckhand/core";
import {
  AS_THE_CONTAINER,
  type ExecutionSpec,
  type RunningExecution,
  type Session,
  type TerminalInput,
} from "../sessions/session.ts";
import { toProgram } from "./shell.ts";
import { toStartRefusal } from "./start-refusal.ts";

export interface StartDeps {
  /** Gives `undefined` when the engine is not configured. */
  readonly findSession: (engine: string) => Session | undefined;
  readonly newId: (kind: IdKind) => string;
  readonly startTimeoutMs: number;
  /** No terminal lives longer; kept inside the container where that is possible. */
  readonly longestMs: number;
}

/** What is held for us while the nearest watcher is behind; the program waits beyond it. */
const HELD_OUTPUT_BYTES = 256 * 1024;

interface StartingTerminal {
  readonly id: string;
  readonly request: OpenTerminalRequest;
  readonly target: Target;
}

function toSpec(deps: StartDeps, { id, request, target }: StartingTerminal): ExecutionSpec {
  const { argv, user, workdir, env, columns, rows } = request;
  return {
    executionId: deps.newId("execution"),
    runId: id,
    containerId: target.containerId,
    program: toProgram(argv),
    args: [],
    env: { TERM: "xterm-256color", ...env },
    stdin: undefined,
    user,
    workdir,
    startTimeoutMs: deps.startTimeoutMs,
    outputBytes: HELD_OUTPUT_BYTES,
    timeoutMs: deps.longestMs,
    killGraceMs: 0,
    survivors: "kill",
    resources: AS_THE_CONTAINER,
    terminal: { columns, rows },
  };
}

type TerminalExecution = RunningExecution & { readonly terminal: TerminalInput };

/** Starts a terminal's program; a refusal says why, as an AppError. */
export async function startExecution(
  deps: StartDeps,
  terminal: StartingTerminal,
): Promise<TerminalExecution> {
  const { engine } = terminal.target;
  const session = deps.findSession(engine);
  if (!session) throw notConfigured(engine);
  const result = await session.start(toSpec(deps, terminal));
  if (result.kind === "detached") throw shuttingDown();
  if (result.kind !== "started") throw toStartRefusal(result.reason);
  const { execution } = result;
  if (hasTerminal(execution)) return execution;
  await discard(execution);
  throw toStartRefusal({
    code: "terminal-impossible",
    detail: "The way into this container has no terminals.",
  });
}

function hasTerminal(execution: RunningExecution): execution is TerminalExecution {
  return execution.terminal !== undefined;
}

async function discard(execution: RunningExecution): Promise<void> {
  const drained = (async () => {
    for await (const { bytes } of execution.output) void bytes;
  })();
  await execution.stop({ graceMs: 0 });
  execution.abandon({ code: "start-refused", detail: "It has no terminal." });
  await drained;
  execution.release();
}

function notConfigured(engine: string): AppError {
  return new AppError("ENGINE_UNREACHABLE", { detail: `The engine ${engine} is not configured.` });
}

export function shuttingDown(): AppError {
  return new AppError("SHUTTING_DOWN", {
    detail: "The server is shutting down.",
    hint: "Try again in a moment.",
  });
}
