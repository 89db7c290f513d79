import { randomInt } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import {
  DEFAULT_LIMITS,
  type Run,
  type RunPlanView,
  type RunRequestInput,
  type SameOutput,
  type TargetPage,
} from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandLine, commandLine } from "../packages/cli/test/support/command-line.ts";
import { docker } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { type Fleet, startFleet } from "./support/fleet.ts";
import { mostAtOnce } from "./support/most-at-once.ts";
import { patientClient } from "./support/patient-client.ts";
import { readProcessSize, watchProcessSize } from "./support/process-size.ts";
import { cancelRun, readRun, startRun } from "./support/run-requests.ts";
import { until } from "./support/until.ts";

/** How many containers there are; the full promise is 1,000. */
const TARGETS = Number(process.env.DECKHAND_TARGETS ?? 40);
const KILLS = 2;
const STARTED_WITHIN_MS = 60_000 + TARGETS * 2_000;
const ENDS_WITHIN_MS = 60_000 + TARGETS * 1_000;
const ANSWERED_WITHIN_MS = 5_000;
const CONCURRENCY = TARGETS / 10;
const AT_ONCE = Math.min(CONCURRENCY, DEFAULT_LIMITS.executionsPerEngine);
/** So many connections to guards may stay open where nothing runs. */
const RESTING = TARGETS / 4;
/** Beside those: where it listens and writes, the engine's events, who asks it, and what it has just asked. */
const OTHER_SOCKETS = 16;
/** Each execution that starts asks the engine for a few things, and writes a file. */
const MOST_DESCRIPTORS = 64 + RESTING + 4 * AT_ONCE;
const MOST_MEBIBYTES = 400;

let fleet: Fleet;
let server: DeckhandServer;
let line: CommandLine;

beforeAll(async () => {
  const from = performance.now();
  fleet = await startFleet({ name: "fleet", count: TARGETS });
  console.log(`${TARGETS} containers started in ${secondsSince(from)} s`);
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    env: { DECKHAND_LIMITS_RESTING_CONNECTIONS_PER_ENGINE: `${RESTING}` },
  });
  line = await commandLine(server);
}, STARTED_WITHIN_MS);

afterAll(async () => {
  await server?.close();
  await line?.close();
  await fleet?.remove();
}, STARTED_WITHIN_MS);

const secondsSince = (from: number) => ((performance.now() - from) / 1000).toFixed(1);
const everywhere = () => `label=${fleet.label}`;

function script(text: string, rollout?: RunRequestInput["rollout"]): RunRequestInput {
  const limits = { maxTargets: TARGETS };
  return { inline: { text, interpreter: "sh" }, on: [everywhere()], limits, rollout };
}

/** Says in the container that it started there, under its own name. */
const STARTED = (file: string) => `echo "$DECKHAND_EXECUTION_ID" >>/tmp/${file}`;

/** Which executions started in each container, by its name, as its own file has it: read from outside, as root can. */
async function readStarts(file: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const format = "{{.Name}} {{.State.Pid}}";
  const listed = await docker("inspect", "--format", format, ...fleet.names);
  const starts = listed.split("\n").map(async (line) => {
    const [name = "", pid] = line.slice(1).split(" ");
    const text = await readFile(`/proc/${pid}/root/tmp/${file}`, "utf8").catch(orNothing);
    return [name, text.split("\n").filter(Boolean)] as const;
  });
  return new Map(await Promise.all(starts));
}

function orNothing(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "";
  throw error;
}

/** In each container the execution that was for it, once, and no other. */
function toStartedOnce({ executions }: Run): ReadonlyMap<string, readonly string[]> {
  return new Map(executions.map(({ id, target }) => [target.name, [id]]));
}

/** How long the answer takes to the last byte, in milliseconds. */
async function ask<Answer>(path: string, body?: object): Promise<[Answer, number]> {
  const from = performance.now();
  const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
  const answer = await server.fetch(path, init);
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  const tookMs = Math.round(performance.now() - from);
  expect(tookMs).toBeLessThan(ANSWERED_WITHIN_MS);
  return [JSON.parse(text) as Answer, tookMs];
}

test("the list and the plan of all are one answer", async () => {
  await until(server, async () => {
    const [{ total }] = await ask<TargetPage>(`/api/v1/targets?on=${everywhere()}&limit=1`);
    return total === TARGETS;
  });
  const [page, listMs] = await ask<TargetPage>(`/api/v1/targets?on=${everywhere()}&limit=1000`);
  expect(page.data.map(({ name }) => name).toSorted()).toEqual(fleet.names.toSorted());
  const [plan, planMs] = await ask<RunPlanView>("/api/v1/runs/plan", script("true"));
  expect(plan.targets).toHaveLength(TARGETS);
  console.log(`list of ${TARGETS} targets ${listMs} ms, plan ${planMs} ms`);
});

describe("a stored script on all, by its canary and batches of a tenth", () => {
  const [FILE, NAME] = ["rollout-starts", "fleet/count"];
  let run: Run;

  test(
    "starts once in each, ends right in each, and is shown as one output",
    async () => {
      const text = `#!/bin/sh\n${STARTED(FILE)}\necho all the same\n`;
      const saved = { method: "POST", body: JSON.stringify({ path: `${NAME}.sh`, text }) };
      expect((await server.fetch("/api/v1/scripts", saved)).status).toBe(201);
      const watched = watchProcessSize(server.pid);
      const from = performance.now();
      const done = await line.run([
        ...["run", NAME, "--on", everywhere(), "--max", `${TARGETS}`, "--view", "same"],
        ...["--canary", "1", "--batch", "10%", "--max-concurrency", "10%", "--max-errors", "1%"],
      ]);
      const took = secondsSince(from);
      const { residentMebibytes, descriptors } = await watched.stop();
      expect(done).toMatchObject({ exitCode: 0 });
      const heads = done.stdout.split("\n").filter((text) => text.startsWith("── "));
      expect(heads).toHaveLength(1);
      expect(heads[0]).toContain(`── ${TARGETS} of ${TARGETS}: `);
      const [, id = ""] = /(run_\w+)/.exec(done.stderr) ?? [];
      run = await readRun(server, id);
      expect(run).toMatchObject({ state: "succeeded", counts: { succeeded: TARGETS } });
      expect(await readStarts(FILE)).toEqual(toStartedOnce(run));
      expect(residentMebibytes).toBeLessThan(MOST_MEBIBYTES);
      expect(descriptors).toBeLessThan(MOST_DESCRIPTORS);
      console.log(
        `rollout on ${TARGETS} in ${took} s, ${mostAtOnce(run)} at once: the server had at most ` +
          `${residentMebibytes} MiB and ${descriptors} descriptors`,
      );
    },
    ENDS_WITHIN_MS,
  );

  test("in the order of the batches, and never more at once than allowed", () => {
    const batches = run.rollout?.batches ?? [];
    expect(batches.slice(0, 2)).toEqual([1, TARGETS / 10]);
    expect(batches.reduce((sum, size) => sum + size, 0)).toBe(TARGETS);
    const times = run.executions.map(({ startedAt, finishedAt }) => ({
      start: Date.parse(startedAt ?? ""),
      end: Date.parse(finishedAt ?? ""),
    }));
    let from = 0;
    for (const size of batches.slice(0, -1)) {
      from += size;
      const end = Math.max(...times.slice(0, from).map((time) => time.end));
      const start = Math.min(...times.slice(from).map((time) => time.start));
      expect(start).toBeGreaterThanOrEqual(end);
    }
    expect(mostAtOnce(run)).toBeLessThanOrEqual(AT_ONCE);
  });

  test("and what they wrote is compared at once", async () => {
    const [same, tookMs] = await ask<SameOutput>(`/api/v1/runs/${run.id}/output/same`);
    expect(same).toMatchObject({ total: TARGETS, open: 0, data: [{ count: TARGETS }] });
    expect(same.data).toHaveLength(1);
    const [, readMs] = await ask<Run>(`/api/v1/runs/${run.id}?include=output`);
    console.log(`${TARGETS} outputs compared in ${tookMs} ms, the run read with them ${readMs} ms`);
  });
});

test("connections stay open to so many containers as is allowed, and to no more", async () => {
  const sockets = async () => (await readProcessSize(server.pid)).sockets;
  await expect.poll(sockets, { timeout: 30_000 }).toBeLessThanOrEqual(RESTING + OTHER_SOCKETS);
  expect(await sockets()).toBeGreaterThan(RESTING);
});

/** How many processes of the machine, whose containers these are, have the word in their command line. */
async function countProcesses(word: string): Promise<number> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.filter((text) => text.split("\0").includes(word)).length;
}

test(
  "a cancel in the middle leaves nothing running anywhere, and starts nothing more",
  async () => {
    const [file, word] = ["cancel-starts", `${randomInt(1e8, 1e9)}`];
    const body = script(`${STARTED(file)}; sleep ${word} & sleep ${word}`, {
      maxConcurrency: CONCURRENCY,
    });
    const { id } = await startRun(server, body);
    await until(server, async () => (await countProcesses(word)) > AT_ONCE);
    const from = performance.now();
    await cancelRun(server, id);
    const run = await patientClient(server).waitForEnd(id, ENDS_WITHIN_MS);
    const took = secondsSince(from);
    expect(await countProcesses(word)).toBe(0);
    expect(run).toMatchObject({ state: "cancelled", counts: { cancelled: TARGETS } });
    const started = [...(await readStarts(file)).values()].flat();
    expect(started.length).toBeGreaterThan(AT_ONCE / 2);
    expect(started.length).toBeLessThanOrEqual(AT_ONCE);
    expect(started.length).toBe(new Set(started).size);
    console.log(`a cancel of ${TARGETS}, of which ${started.length} ran, took ${took} s`);
  },
  ENDS_WITHIN_MS,
);

test(
  `after ${KILLS} kill -9 of the server in the middle the rollout goes on to its end, and each starts once`,
  async () => {
    const file = "kill-starts";
    const body = script(`${STARTED(file)}; sleep 0.5`, { batch: "20%", maxConcurrency: "10%" });
    const from = performance.now();
    const { id } = await startRun(server, body);
    for (let kill = 1; kill <= KILLS; kill++) {
      const enough = (TARGETS * kill) / (KILLS + 1);
      await until(server, async () => ((await readRun(server, id)).counts.succeeded ?? 0) > enough);
      await server.kill("SIGKILL");
      await server.start();
    }
    const run = await patientClient(server).waitForEnd(id, ENDS_WITHIN_MS);
    const took = secondsSince(from);
    expect(run).toMatchObject({ state: "succeeded", counts: { succeeded: TARGETS } });
    expect(mostAtOnce(run)).toBeLessThanOrEqual(AT_ONCE);
    expect(await readStarts(file)).toEqual(toStartedOnce(run));
    const { residentMebibytes, descriptors } = await readProcessSize(server.pid);
    expect(residentMebibytes).toBeLessThan(MOST_MEBIBYTES);
    expect(descriptors).toBeLessThan(MOST_DESCRIPTORS);
    console.log(
      `with ${KILLS} kill -9 on ${TARGETS} in ${took} s, each started once; afterwards ` +
        `${residentMebibytes} MiB and ${descriptors} descriptors`,
    );
  },
  ENDS_WITHIN_MS,
);
