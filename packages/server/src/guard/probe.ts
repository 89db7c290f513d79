import { readFileSync } from "node:fs";
import { type InsideFinding, isAppError } from "@deckhand/core";
import type { Engine, EngineContainerDetail } from "../engines/engine.ts";
import type { ContainerPlace } from "../sessions/examination.ts";
import { readProbe } from "./read-probe.ts";

const WITHIN_MS = 15_000;
/** A container with very many mounts or zombies says more than anybody reads. */
const MOST_BYTES = 1024 * 1024;

const PROBE_COMMAND: readonly string[] = ["/bin/sh", "-c", readProgram(), "sh"];

/** Looks around in a container by its shell; `undefined` where there is none, or it does not answer. */
export async function probe(
  engine: Engine,
  container: EngineContainerDetail,
  { user }: ContainerPlace,
): Promise<InsideFinding | undefined> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const [said, command] = await Promise.all([
    askShell(engine, { containerId: container.id, user }, signal),
    findMainCommand(engine, container, signal),
  ]);
  return readProbe(said, command);
}

async function askShell(
  engine: Engine,
  place: ContainerPlace,
  signal: AbortSignal,
): Promise<string> {
  const request = { ...place, cmd: PROBE_COMMAND, workdir: "", env: {} };
  const exec = await engine.startExec(request, { signal, maxBufferedBytes: MOST_BYTES });
  const onAbort = () => exec.close();
  signal.addEventListener("abort", onAbort, { once: true });
  const pieces: Uint8Array[] = [];
  try {
    for await (const { stream, bytes } of exec.output) if (stream === "stdout") pieces.push(bytes);
  } catch (error) {
    // Without its last line it counts for nothing.
    if (!isAppError(error)) throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    exec.close();
  }
  return Buffer.concat(pieces).toString();
}

/** The command line of PID 1. Docker lists processes by their numbers on its host, Podman by those in the container. */
async function findMainCommand(
  engine: Engine,
  { id, pid }: EngineContainerDetail,
  signal: AbortSignal,
): Promise<string | undefined> {
  const processes = await engine.listProcesses(id, signal).catch(() => []);
  return processes.find((one) => one.pid === pid || one.pid === 1)?.command;
}

/** Comments explain the program to us; the container does not need them. */
function readProgram(): string {
  return readFileSync(new URL("probe.sh", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
    .join("\n");
}
