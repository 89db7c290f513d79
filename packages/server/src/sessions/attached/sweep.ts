import { randomBytes } from "node:crypto";
import type { Engine } from "../../engines/engine.ts";
import type { ExecutionPlace, Leftover } from "../session.ts";
import { NoteScanner } from "./note-scanner.ts";
import { SWEEP_COMMAND } from "./programs.ts";

const SWEPT_WITHIN_MS = 20_000;

export interface SweepOptions {
  readonly place: ExecutionPlace;
  readonly signal: "0" | "TERM" | "KILL";
  /** The process that reports the end and must live until it has; it also names the session. */
  readonly wrapperPid: number | undefined;
}

/**
 * Signals what can be found of an execution, as the script's own user, and gives what is left. `undefined` when the sweep
 * itself did not come to its end. Throws what the engine refuses.
 */
export async function sweep(
  engine: Engine,
  options: SweepOptions,
): Promise<readonly Leftover[] | undefined> {
  const nonce = randomBytes(16).toString("hex");
  const exec = await engine.startExec(
    {
      containerId: options.place.containerId,
      cmd: SWEEP_COMMAND,
      env: toEnvironment(options, nonce),
      user: options.place.user,
      workdir: "/",
    },
    { signal: AbortSignal.timeout(SWEPT_WITHIN_MS) },
  );
  const tooLate = setTimeout(() => exec.close(), SWEPT_WITHIN_MS);
  try {
    return await readLeftovers(exec.output, new NoteScanner(nonce));
  } finally {
    clearTimeout(tooLate);
    exec.close();
  }
}

function toEnvironment(
  { place, signal, wrapperPid }: SweepOptions,
  nonce: string,
): Record<string, string> {
  return {
    DECKHAND_NONCE: nonce,
    DECKHAND_SWEEP_ID: place.executionId,
    DECKHAND_SWEEP_SIGNAL: signal,
    DECKHAND_SWEEP_SPARE: `${wrapperPid ?? ""}`,
    DECKHAND_SWEEP_SESSION: `${wrapperPid ?? "none"}`,
  };
}

async function readLeftovers(
  output: Awaited<ReturnType<Engine["startExec"]>>["output"],
  scanner: NoteScanner,
) {
  const leftovers: Leftover[] = [];
  for await (const { stream, bytes } of output) {
    if (stream !== "stdout") continue;
    for (const scanned of scanner.push(Buffer.from(bytes))) {
      if (scanned.kind === "output") continue;
      if (scanned.note === "swept") return leftovers;
      const leftover = toLeftover(scanned.note);
      if (leftover) leftovers.push(leftover);
    }
  }
  return undefined;
}

/** Reads `left PID COMMAND`. */
export function toLeftover(note: string): Leftover | undefined {
  const [, pid, command = ""] = /^left (\d+) (.*)$/.exec(note) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), command };
}
