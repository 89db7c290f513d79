import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { busyClients, type CheckedRun, startChecked, summaryOf } from "./support/checked-run.ts";
import { type ContainerProcess, findStrays, listProcesses } from "./support/stray-processes.ts";
import { docker, dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import * as script from "./support/numbered-script.ts";
import { patientClient, pause } from "./support/patient-client.ts";

/** How often the server is killed; the full promise is 200. */
const KILLS = Number(process.env.DECKHAND_KILLS ?? 4);
const CLIENTS = 50;
const CONTAINERS = 4;
const ENDS_WITHIN_MS = 240_000;

/** By the last digit of a client's number: one in ten writes a megabyte a second. */
const PACES = [
  script.FLOOD,
  script.BURST,
  script.SILENCE,
  script.BLINK,
  ...[script.TALK, script.TALK, script.TALK],
  ...[script.MURMUR, script.MURMUR, script.MURMUR],
] as const;

interface Target extends TestContainer {
  readonly processes: readonly ContainerProcess[];
}

let targets: readonly Target[] = [];
let server: DeckhandServer;

beforeAll(async () => {
  targets = await Promise.all(Array.from({ length: CONTAINERS }, startTarget));
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  for (const target of targets) await target.remove();
});

async function startTarget(): Promise<Target> {
  const container = await dockerContainer({
    name: "kill-server",
    image: engines().images.busybox,
  });
  return { ...container, processes: await listProcesses(docker, container.name) };
}

function startRun(index: number): Promise<CheckedRun> {
  return startChecked(patientClient(server), {
    on: `name=${targets[index % CONTAINERS]?.name}`,
    script: script.numberedScript(index, PACES[index % PACES.length] ?? script.TALK),
    followers: Number(index % 5 === 0),
    endsWithinMs: ENDS_WITHIN_MS,
  });
}

/** Often soon after the start, while what was left open is being taken up. */
async function killAndRestart(): Promise<void> {
  await pause(Math.random() ** 2 * 4_000);
  await server.kill("SIGKILL");
  await pause(Math.random() * 500);
  await server.start();
}

/** The end of the server's log, without the requests. */
function serverWords(): string {
  const lines = server.log.split("\n").filter((line) => !line.includes('"msg":"request"'));
  return lines.slice(-60).join("\n");
}

async function readStarts(): Promise<string[]> {
  const files = await Promise.all(targets.map(({ exec }) => exec(["cat", script.STARTS_FILE])));
  return files.flatMap((file) => file.trim().split("\n"));
}

test(
  `after ${KILLS} kill -9 of the server under ${CLIENTS} runs no byte and no exit code is lost, nothing started twice, nothing stays behind`,
  async () => {
    onTestFailed(() => console.log(serverWords()));
    const clients = busyClients(CLIENTS, startRun);
    await clients.untilStarted(CLIENTS);
    for (let kill = 0; kill < KILLS; kill++) await killAndRestart();
    const verdicts = await clients.finish();
    const starts = await readStarts();
    await server.kill("SIGKILL");
    const strays: string[] = [];
    for (const { name, processes } of targets)
      strays.push(...(await findStrays(() => listProcesses(docker, name), processes)));
    const { runs, megabytes, resumed, ways, wrong } = summaryOf(verdicts);
    console.log(
      `kills ${KILLS}, runs ${runs}, starts ${starts.length}, wrong ${wrong.length}, left behind ${strays.length}, ${megabytes} MB compared, followers resumed ${resumed} times, way ${ways.join(", ")}`,
    );
    expect({ wrong: wrong.slice(0, 20), strays }).toEqual({ wrong: [], strays: [] });
    expect(starts.toSorted()).toEqual(verdicts.map(({ executionId }) => executionId).toSorted());
    expect(ways).toEqual(["guard"]);
  },
  ENDS_WITHIN_MS + 60_000 + KILLS * 20_000,
);
