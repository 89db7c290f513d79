import { randomBytes } from "node:crypto";
import type { Execution, Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docker } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { type Fleet, startFleet } from "./support/fleet.ts";
import { mostAtOnce } from "./support/most-at-once.ts";
import { patientClient } from "./support/patient-client.ts";
import { cancelRun, readRun, startRun } from "./support/run-requests.ts";

const TARGETS = 50;

let fleet: Fleet;
let server: DeckhandServer;

beforeAll(async () => {
  [fleet, server] = await Promise.all([
    startFleet({ name: "rollout", count: TARGETS }),
    startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] }),
  ]);
});

afterAll(async () => {
  await server?.close();
  await fleet?.remove();
});

type Rollout = RunRequestInput["rollout"];

function script(text: string, rollout: Rollout, on = [`label=${fleet.label}`]): RunRequestInput {
  return { inline: { text, interpreter: "sh" }, on, rollout };
}

/** Says in the container that it started there, under its own name. */
const STARTED = (file: string) => `echo "$DECKHAND_EXECUTION_ID" >>/tmp/${file};`;

/** Who started, as the containers have it. */
async function linesIn(file: string): Promise<readonly string[]> {
  const run = await server.run(script(`cat /tmp/${file} 2>/dev/null || true`, undefined));
  return run.executions.flatMap(({ output }) => (output.stdout ?? "").split("\n").filter(Boolean));
}

const ended = (run: Run) => readRun(server, run.id, "?wait=120s");
const states = (run: Run) => run.executions.map(({ state }) => state);
const count = (run: Run, state: Execution["state"]) => run.counts[state] ?? 0;

describe("a bad script on 50 containers", () => {
  test("with 5 at once and 2 errors allowed ends on a handful, and the rest is skipped and says why", async () => {
    const file = randomBytes(4).toString("hex");
    const run = await server.run(
      script(`${STARTED(file)} sleep 0.3; exit 3`, { maxConcurrency: 5, maxErrors: 2 }),
    );
    const failed = count(run, "failed");
    expect(failed, JSON.stringify(run.counts)).toBeGreaterThanOrEqual(3);
    expect(failed).toBeLessThanOrEqual(2 + 5);
    expect(run).toMatchObject({ state: "failed", counts: { total: 50, skipped: 50 - failed } });
    expect(mostAtOnce(run)).toBeLessThanOrEqual(5);
    expect(run.rollout?.stopped?.code).toBe("rollout-stopped");
    const skipped = run.executions.filter(({ state }) => state === "skipped");
    for (const { reason, startedAt, finishedAt } of skipped) {
      expect(reason?.code).toBe("rollout-stopped");
      expect(reason?.detail).toMatch(/targets have failed, and 2 may\.$/);
      expect([startedAt, finishedAt === null]).toEqual([null, false]);
    }
    expect(await linesIn(file)).toHaveLength(failed);
  });

  test("one at a time stops after exactly one error more than is allowed", async () => {
    const run = await server.run(script("exit 1", { maxConcurrency: 1, maxErrors: "4%" }));
    expect(run.rollout?.maxErrors).toBe(2);
    expect(states(run).slice(0, 4)).toEqual(["failed", "failed", "failed", "skipped"]);
    expect(run.counts).toMatchObject({ failed: 3, skipped: 47 });
  });

  test("goes on to the end when errors are to stop nothing", async () => {
    const run = await server.run(script("exit 1", { maxConcurrency: "20%", onError: "continue" }));
    expect(run.counts).toMatchObject({ failed: 50 });
    expect(run.rollout).toMatchObject({ maxConcurrency: 10, maxErrors: null, stopped: null });
  });
});

test("batches come one after the other, the canary first, in the order that was asked for", async () => {
  const rollout = { canary: 1, batch: 20, order: "label=zone", pause: "300ms" };
  const run = await server.run(script("echo hello", rollout));
  expect(run).toMatchObject({ state: "succeeded", rollout: { batches: [1, 20, 20, 9] } });
  const zones = run.executions.map(({ target }) => fleet.zoneOf(target.name));
  expect(zones).toEqual(zones.toSorted());
  const times = run.executions.map(({ startedAt, finishedAt }) => ({
    start: Date.parse(startedAt ?? ""),
    end: Date.parse(finishedAt ?? ""),
  }));
  for (const from of [1, 21, 41]) {
    const end = Math.max(...times.slice(0, from).map((time) => time.end));
    const start = Math.min(...times.slice(from).map((time) => time.start));
    expect(start - end).toBeGreaterThanOrEqual(300);
  }
});

test("a plan shows the batches, and the same seed the same order", async () => {
  const plan = async (rollout: Rollout) => {
    const body = JSON.stringify(script("true", rollout));
    const answer = await server.fetch("/api/v1/runs/plan", { method: "POST", body });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { targets: { name: string }[]; rollout: Run["rollout"] };
  };
  const first = await plan({ order: "random", batch: "50%" });
  expect(first.rollout).toMatchObject({ batches: [25, 25], maxErrors: 0 });
  const seed = first.rollout?.seed ?? -1;
  const again = await plan({ order: "random", batch: "50%", seed });
  expect(again.targets).toEqual(first.targets);
  const names = first.targets.map(({ name }) => name);
  expect(names).not.toEqual(names.toSorted());
});

describe("the health between batches", () => {
  test("a probe that succeeds lets it go on, and its verdict is in the run", async () => {
    const health = { restarts: true, probe: { text: "test -e /tmp/well" }, timeout: "30s" };
    const run = await server.run(script("touch /tmp/well", { batch: 25, health }));
    expect(run.state, JSON.stringify(run.rollout)).toBe("succeeded");
    expect(run.rollout?.gates).toMatchObject([
      { batch: 1, state: "passed", detail: "25 containers are well." },
    ]);
  });

  test("a probe that does not stops it when the time is over, and says what it said", async () => {
    const probe = { argv: ["sh", "-c", "echo no good; exit 4"] };
    const run = await server.run(
      script("true", { canary: 2, health: { probe, timeout: "1500ms" } }),
    );
    expect(run.counts).toMatchObject({ succeeded: 2, skipped: 48 });
    expect(run.rollout?.stopped?.code).toBe("health-failed");
    expect(run.rollout?.gates).toMatchObject([{ batch: 1, state: "failed" }]);
    expect(run.rollout?.gates[0]?.detail).toContain("the probe ended with exit code 4: no good");
    expect(run.executions.at(-1)?.reason?.code).toBe("health-failed");
  });

  test("the container's own HEALTHCHECK decides by a check that came after the batch", async () => {
    const names = fleet.names.slice(0, 3).map((name) => `name=${name}`);
    const rollout = { canary: 1, health: { healthcheck: true, timeout: "30s" } };
    const well = await server.run(script("rm -f /tmp/unwell", rollout, names));
    expect(well.state, JSON.stringify(well.rollout)).toBe("succeeded");
    const harm = { canary: 1, health: { healthcheck: true, timeout: "4s" } };
    const harmed = await server.run(script("touch /tmp/unwell", harm, names));
    expect(states(harmed)).toEqual(["succeeded", "skipped", "skipped"]);
    expect(harmed.rollout?.gates[0]?.detail).toMatch(/is unhealthy|was not checked again/);
    await server.run(script("rm -f /tmp/unwell", undefined, names));
  });

  test("a container that was restarted stops it at once", async () => {
    const [first, second] = fleet.names.slice(-2) as [string, string];
    const on = [`name=${first}`, `name=${second}`];
    const rollout = { batch: 1, pause: "2s", health: { restarts: true } };
    const run = await startRun(server, script("true", rollout, on));
    await untilWaits(run.id, "pause");
    await docker("restart", "--time", "0", first);
    const end = await ended(run);
    expect(end.rollout?.gates).toMatchObject([{ state: "failed" }]);
    expect(end.rollout?.stopped?.detail).toContain(`${first} was restarted`);
    expect(states(end)).toEqual(["succeeded", "skipped"]);
  });
});

async function untilWaits(runId: string, kind: "pause" | "health"): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const run = await readRun(server, runId);
    if (run.rollout?.waitsFor?.kind === kind) return;
    expect(run.finishedAt, "it ended before that").toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${runId} did not wait for ${kind}`);
}

test("a rollout that is cancelled in a pause starts nothing more", async () => {
  const file = randomBytes(4).toString("hex");
  const run = await startRun(server, script(`${STARTED(file)} true`, { canary: 1, pause: "1h" }));
  await untilWaits(run.id, "pause");
  const end = await cancelRun(server, run.id);
  expect(end).toMatchObject({ state: "cancelled", counts: { succeeded: 1, cancelled: 49 } });
  expect(end.rollout?.waitsFor).toBeNull();
  expect(await linesIn(file)).toHaveLength(1);
});

describe("kill -9 of the server", () => {
  test("in the middle of a rollout: each starts once, never more at once, and it goes on to its end", async () => {
    const file = randomBytes(4).toString("hex");
    const client = patientClient(server);
    const run = await client.submit(
      file,
      script(`${STARTED(file)} sleep 0.2; [ $(hostname | cksum | cut -c1) != 1 ]`, {
        maxConcurrency: 4,
        batch: 20,
        pause: "500ms",
        onError: "continue",
      }),
    );
    for (let kills = 0; kills < 2; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await server.kill("SIGKILL");
      await server.start();
    }
    const end = await client.waitForEnd(run.id, 120_000);
    expect(count(end, "succeeded") + count(end, "failed"), JSON.stringify(end.counts)).toBe(50);
    const begun = await linesIn(file);
    expect(begun.toSorted()).toEqual(end.executions.map(({ id }) => id).toSorted());
    expect(mostAtOnce(end)).toBeLessThanOrEqual(4);
  });

  test("after it stopped: it stays stopped, and nothing of it starts", async () => {
    const file = randomBytes(4).toString("hex");
    const text = `${STARTED(file)} [ "$(cat /tmp/number)" != 1 ] || exit 9; sleep 4`;
    const run = await startRun(server, script(text, { maxConcurrency: 3 }));
    await untilSkipped(run.id);
    await server.kill("SIGKILL");
    await server.start();
    const end = await ended(run);
    expect(end.counts).toMatchObject({ failed: 1, succeeded: 2, skipped: 47 });
    expect(await linesIn(file)).toHaveLength(3);
  });

  test("in a pause: what is left of it passes, then it goes on", async () => {
    const run = await startRun(server, script("true", { batch: 25, pause: "3s" }));
    await untilWaits(run.id, "pause");
    await server.kill("SIGKILL");
    await server.start();
    const end = await ended(run);
    expect(end).toMatchObject({ state: "succeeded", counts: { succeeded: 50 } });
    const firsts = end.executions
      .slice(0, 25)
      .map(({ finishedAt }) => Date.parse(finishedAt ?? ""));
    const next = Date.parse(end.executions[25]?.startedAt ?? "");
    expect(next - Math.max(...firsts)).toBeGreaterThanOrEqual(3_000);
  });
});

async function untilSkipped(runId: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const run = await readRun(server, runId);
    if (count(run, "skipped") > 0) return expect(run.finishedAt).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${runId} did not stop`);
}

test.each([
  [{ maxConcurrency: 0 }, "/rollout/maxConcurrency"],
  [{ maxErrors: "ten" }, "/rollout/maxErrors"],
  [{ pause: "1s" }, "/rollout/pause"],
  [{ order: "size" }, "/rollout/order"],
  [{ batch: 1, health: { timeout: "1s" } }, "/rollout/health"],
  [{ speed: 1 }, "/rollout/speed"],
])("%j is refused and the place is named", async (rollout, pointer) => {
  const body = JSON.stringify(script("true", rollout as Rollout));
  const answer = await server.fetch("/api/v1/runs", { method: "POST", body });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain(pointer);
});
