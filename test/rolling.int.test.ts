import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { busyClients, type CheckedRun, startChecked, summaryOf } from "./support/checked-run.ts";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import * as script from "./support/numbered-script.ts";
import { patientClient, pause } from "./support/patient-client.ts";

/** How often the server is told to end and started again. */
const ROUNDS = Number(process.env.DECKHAND_ROUNDS ?? 2);
const CLIENTS = 50;
const FOLLOWERS_OF_A_RUN = 2;
const CONTAINERS = 4;
/** "Within 10 s" of the promise, and as much again for a machine that is busy with other tests. */
const ENDED_WITHIN_MS = 20_000;
const ENDS_WITHIN_MS = 240_000;

let containers: readonly TestContainer[] = [];
let server: DeckhandServer;

beforeAll(async () => {
  const image = engines().images.busybox;
  containers = await Promise.all(
    Array.from({ length: CONTAINERS }, () => dockerContainer({ name: "rolling", image })),
  );
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  for (const container of containers) await container.remove();
});

/** One in ten writes a megabyte a second; the others speak slowly, for as long as the server may be away. */
function startRun(index: number): Promise<CheckedRun> {
  const pace = index % 10 === 0 ? script.FLOOD : script.TALK;
  return startChecked(patientClient(server), {
    on: `name=${containers[index % CONTAINERS]?.name}`,
    script: script.numberedScript(index, { ...pace, steps: pace.steps * 2 }),
    followers: FOLLOWERS_OF_A_RUN,
    endsWithinMs: ENDS_WITHIN_MS,
  });
}

/** Gives how long the server took to end. */
async function endAndRestart(): Promise<number> {
  await pause(1_000 + Math.random() * 2_000);
  const from = performance.now();
  await server.kill("SIGTERM");
  const tookMs = performance.now() - from;
  await pause(Math.random() * 1_000);
  await server.start();
  return tookMs;
}

test(
  `a server that is told to end under ${CLIENTS} runs and ${CLIENTS * FOLLOWERS_OF_A_RUN} followers does so in time, and after its start they read on without gap or repeat`,
  async () => {
    onTestFailed(() => console.log(server.log.slice(-5000)));
    const clients = busyClients(CLIENTS, startRun);
    await clients.untilStarted(CLIENTS);
    const endedMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) endedMs.push(await endAndRestart());
    const { runs, megabytes, resumed, ways, wrong } = summaryOf(await clients.finish());
    console.log(
      `SIGTERM ${ROUNDS} times, ended within ${Math.round(Math.max(...endedMs))} ms, runs ${runs}, wrong ${wrong.length}, ${megabytes} MB compared, followers resumed ${resumed} times, way ${ways.join(", ")}`,
    );
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(Math.max(...endedMs)).toBeLessThan(ENDED_WITHIN_MS);
    expect(resumed).toBeGreaterThan(0);
    expect(ways).toEqual(["guard"]);
  },
  ENDS_WITHIN_MS + 60_000 + ROUNDS * 30_000,
);
