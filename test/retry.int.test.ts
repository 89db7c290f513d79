import { randomBytes } from "node:crypto";
import type { Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { cancelRun, readRun, startRun } from "./support/run-requests.ts";

let container: TestContainer;
let server: DeckhandServer;

beforeAll(async () => {
  container = await dockerContainer({ name: "retry", image: engines().images.busybox });
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
});

/** Fails until it has been started so often. */
function succeedsAt(attempt: number, more: Partial<RunRequestInput>): RunRequestInput {
  const file = `/tmp/${randomBytes(4).toString("hex")}`;
  const text = `echo x >>${file}; n=$(wc -l <${file}); echo attempt $n; [ $n -ge ${attempt} ]`;
  return { inline: { text, interpreter: "sh" }, on: [`name=${container.name}`], ...more };
}

const attempts = (run: Run) => run.executions.map(({ attempt, state }) => [attempt, state]);
const retry = { attempts: 3, backoff: "100ms" };

async function untilItWaits(runId: string): Promise<Run> {
  for (let tries = 0; tries < 600; tries++) {
    const run = await readRun(server, runId);
    if (run.executions.at(-1)?.reason?.code === "waiting-for-retry") return run;
    expect(run.finishedAt, "it ended before that").toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${runId} does not wait to be tried again`);
}

test("what fails is tried again, and the last attempt is what counts", async () => {
  const run = await server.run(succeedsAt(3, { retry }));
  expect(run).toMatchObject({
    state: "succeeded",
    exitCode: 0,
    counts: { total: 1, succeeded: 1 },
  });
  expect(attempts(run)).toEqual([
    [1, "failed"],
    [2, "failed"],
    [3, "succeeded"],
  ]);
  const [first, second, third] = run.executions;
  expect([first?.retriedBy, second?.retryOf]).toEqual([second?.id, first?.id]);
  expect([second?.retriedBy, third?.retryOf, third?.retriedBy]).toEqual([
    third?.id,
    second?.id,
    null,
  ]);
  expect(run.executions.map(({ output }) => output.stdout)).toEqual([
    "attempt 1\n",
    "attempt 2\n",
    "attempt 3\n",
  ]);
});

test("after the last attempt it has failed, once", async () => {
  const run = await server.run(succeedsAt(9, { retry }));
  expect(run).toMatchObject({ state: "failed", exitCode: 1, counts: { total: 1, failed: 1 } });
  expect(run.executions).toHaveLength(3);
});

test("a follower sees what every attempt wrote, in order", async () => {
  const { id } = await startRun(
    server,
    succeedsAt(3, { retry: { attempts: 3, backoff: "500ms" } }),
  );
  const answer = await server.fetch(`/api/v1/runs/${id}/events`);
  const text = await answer.text();
  const lines = [...text.matchAll(/"text":"(attempt \d)\\n"/g)].map(([, line]) => line);
  expect(lines).toEqual(["attempt 1", "attempt 2", "attempt 3"]);
});

test("what timed out is tried again only where that is asked for", async () => {
  const sleeping = { ...succeedsAt(1, {}), inline: { text: "sleep 60", interpreter: "sh" } };
  const limits = { timeout: "300ms", killGrace: "100ms" };
  const once = await server.run({ ...sleeping, limits, retry });
  expect(attempts(once)).toEqual([[1, "timed-out"]]);
  const on: ["timed-out"] = ["timed-out"];
  const twice = await server.run({
    ...sleeping,
    limits,
    retry: { attempts: 2, backoff: "100ms", on },
  });
  expect(attempts(twice)).toEqual([
    [1, "timed-out"],
    [2, "timed-out"],
  ]);
});

test("a cancel ends an attempt that waits", async () => {
  const run = await startRun(server, succeedsAt(2, { retry: { attempts: 2, backoff: "1h" } }));
  await untilItWaits(run.id);
  const ended = await cancelRun(server, run.id);
  expect(ended).toMatchObject({ state: "cancelled", counts: { total: 1, cancelled: 1 } });
  expect(attempts(ended)).toEqual([
    [1, "failed"],
    [2, "cancelled"],
  ]);
});

test("an attempt that waits follows after kill -9 of the server, once", async () => {
  const run = await startRun(server, succeedsAt(2, { retry: { attempts: 5, backoff: "3s" } }));
  await untilItWaits(run.id);
  await server.kill("SIGKILL");
  await server.start();
  const ended = await readRun(server, run.id, "?wait=60s");
  expect(attempts(ended)).toEqual([
    [1, "failed"],
    [2, "succeeded"],
  ]);
  const [first, second] = ended.executions;
  const waited = Date.parse(second?.startedAt ?? "") - Date.parse(first?.finishedAt ?? "");
  expect(waited).toBeGreaterThanOrEqual(3_000);
});

test("a rollout counts the last attempt, and only failed targets are run again by rerun", async () => {
  const rollout = { maxConcurrency: 1 };
  const run = await server.run(succeedsAt(2, { retry, rollout }));
  expect(run).toMatchObject({ state: "succeeded", rollout: { stopped: null } });
  const body = JSON.stringify({ only: "failed" });
  const again = await server.fetch(`/api/v1/runs/${run.id}/rerun`, { method: "POST", body });
  expect(again.status).toBe(409);
});
