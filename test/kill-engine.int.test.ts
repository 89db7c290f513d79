import type { OutputPage } from "@deckhand/core";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { type CheckedRun, startChecked, summaryOf, type Verdict } from "./support/checked-run.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import * as script from "./support/numbered-script.ts";
import { patientClient, pause } from "./support/patient-client.ts";
import { type PrivateDockerd, startPrivateDockerd } from "./support/private-dockerd.ts";
import { findStrays, listProcesses } from "./support/stray-processes.ts";

/** How often the engine is killed; the full promise is 20. One orderly end comes on top. */
const KILLS = Number(process.env.DECKHAND_KILLS ?? 2);
const RUNS = 20;
const FLOODS = 5;
const CONTAINERS = 2;
const ENDS_WITHIN_MS = 180_000;
/** "Within 10 s" of the promise is the figure that is printed; this is for a machine that is busy with other tests. */
const ATTACHED_WITHIN_MS = 60_000;

let dockerd: PrivateDockerd;
let server: DeckhandServer;
const containers: string[] = [];

beforeAll(async () => {
  const image = engines().images.busybox;
  dockerd = await startPrivateDockerd({ images: [image], liveRestore: true });
  for (let index = 0; index < CONTAINERS; index++)
    containers.push(await dockerd.runContainer(image));
  server = await startDeckhandServer({ engines: [`private=unix://${dockerd.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  await dockerd?.close();
});

/** The first five write a megabyte a second; all of them write until well after the engine is back. */
function startRun(index: number): Promise<CheckedRun> {
  const pace = index % RUNS < FLOODS ? script.FLOOD : script.TALK;
  return startChecked(patientClient(server), {
    on: `name=${containers[index % CONTAINERS]}`,
    script: script.numberedScript(index, { ...pace, steps: pace.steps * 3 }),
    followers: 0,
    endsWithinMs: ENDS_WITHIN_MS,
  });
}

async function readStarts(container: string): Promise<string[]> {
  return (await dockerd.docker("exec", container, "cat", script.STARTS_FILE)).trim().split("\n");
}

async function startRound(round: number): Promise<readonly CheckedRun[]> {
  const indices = Array.from({ length: RUNS }, (_, index) => round * RUNS + index);
  const runs = await Promise.all(indices.map(startRun));
  await Promise.all(runs.map(({ id }) => untilMoreOutput(id, 0)));
  return runs;
}

interface Read {
  /** The number of the last frame. */
  readonly last: number;
  /** True when the run has ended. */
  readonly complete: boolean;
}

async function readToEnd(runId: string, after: number): Promise<Read> {
  const query = `after=${after}&limit=1000&stream=stderr`;
  const answer = await server.fetch(`/api/v1/runs/${runId}/output?${query}`);
  const { next, data, complete } = (await answer.json()) as OutputPage;
  return data.length === 0 || complete
    ? { last: Math.max(after, next), complete }
    : readToEnd(runId, next);
}

async function untilMoreOutput(runId: string, after: number): Promise<void> {
  const until = performance.now() + ATTACHED_WITHIN_MS;
  for (;;) {
    const { last, complete } = await readToEnd(runId, after);
    if (last > after || complete) return;
    if (performance.now() > until) throw new Error(`nothing more comes of ${runId}`);
    await pause(50);
  }
}

/** Gives how long it took from the engine's first answer until new output of every run was there. */
async function endAndRestart(
  signal: "SIGKILL" | "SIGTERM",
  runs: readonly CheckedRun[],
): Promise<number> {
  await pause(Math.random() * 2_000);
  await dockerd.end(signal);
  await pause(Math.random() * 3_000);
  const seen = await Promise.all(runs.map(({ id }) => readToEnd(id, 0)));
  await dockerd.start();
  const from = performance.now();
  await Promise.all(runs.map(({ id }, index) => untilMoreOutput(id, seen[index]?.last ?? 0)));
  return performance.now() - from;
}

test(
  `after ${KILLS} kill -9, and one orderly end, of an engine with live-restore under ${RUNS} runs no byte and no exit code is lost`,
  async () => {
    onTestFailed(() => console.log(server.log.slice(-5000)));
    const before = await Promise.all(containers.map((name) => listProcesses(dockerd.docker, name)));
    const verdicts: Verdict[] = [];
    const attachedMs: number[] = [];
    for (let round = 0; round <= KILLS; round++) {
      const runs = await startRound(round);
      attachedMs.push(await endAndRestart(round === 0 ? "SIGTERM" : "SIGKILL", runs));
      verdicts.push(...(await Promise.all(runs.map(({ verdict }) => verdict))));
    }
    const starts = await Promise.all(containers.map(readStarts));
    await server.kill("SIGKILL");
    const strays: string[] = [];
    for (const [index, name] of containers.entries()) {
      const list = () => listProcesses(dockerd.docker, name);
      strays.push(...(await findStrays(list, before[index] ?? [])));
    }
    const { runs, megabytes, ways, wrong } = summaryOf(verdicts);
    console.log(
      `kills ${KILLS} and one SIGTERM, runs ${runs}, starts ${starts.flat().length}, wrong ${wrong.length}, left behind ${strays.length}, ${megabytes} MB compared, re-attached within ${Math.round(Math.max(...attachedMs))} ms, way ${ways.join(", ")}`,
    );
    expect({ wrong: wrong.slice(0, 20), strays }).toEqual({ wrong: [], strays: [] });
    expect(starts.flat().toSorted()).toEqual(
      verdicts.map(({ executionId }) => executionId).toSorted(),
    );
    expect(ways).toEqual(["guard"]);
  },
  (KILLS + 1) * (ENDS_WITHIN_MS + 120_000),
);
