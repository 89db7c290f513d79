import type { Run } from "@deckhand/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  dockerContainer,
  type TestContainer,
  type TestContainerOptions,
} from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { type PrivateDockerd, startPrivateDockerd } from "./support/private-dockerd.ts";

/** "Within 10 s" of the promise, and as much again for a machine that is busy with other tests. */
const SETTLED_WITHIN_MS = 20_000;
/** Longer than a lost connection takes to be seen. */
const AWAY_MS = 4_000;
const CONTAINER_ENDED = ["container-stopped", "container-restarted", "container-gone"];
/** No directory may hold programs, and there is none for what a script writes. */
const ROOM_FOR_A_SCRIPT = ["--read-only", "--user", "1234", "--shm-size", "8k"];
const FOR_EVER = "echo before; while :; do sleep 1; done";

let server: DeckhandServer;
const made: TestContainer[] = [];

beforeAll(async () => {
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  for (const container of made) await container.remove().catch(() => undefined);
});

async function container(
  options: Omit<TestContainerOptions, "image">,
  image = engines().images.busybox,
) {
  const started = await dockerContainer({ ...options, image });
  made.push(started);
  return started;
}

/** Starts a script and waits until its first line can be read. */
async function startScript(on: string, text = FOR_EVER, using = server): Promise<Run> {
  const body = JSON.stringify({ inline: { text, interpreter: "sh" }, on: [on] });
  const answer = await using.fetch("/api/v1/runs", { method: "POST", body });
  expect(answer.status).toBe(201);
  const run = (await answer.json()) as Run;
  for (let tries = 0; tries < 200; tries++) {
    if ((await rawOutput(run.id, using)).startsWith("before\n")) return run;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the script did not start");
}

async function rawOutput(runId: string, using = server): Promise<string> {
  return (await using.fetch(`/api/v1/runs/${runId}/output/raw`)).text();
}

async function expectLost(run: Run, codes: readonly string[], using = server): Promise<void> {
  const from = performance.now();
  const ended = (await (await using.fetch(`/api/v1/runs/${run.id}?wait=60s`)).json()) as Run;
  const tookMs = performance.now() - from;
  expect(ended.state).toBe("lost");
  expect(codes).toContain(ended.executions[0]?.reason?.code);
  expect(await rawOutput(run.id, using)).toBe("before\n");
  expect(ended.executions[0]?.output.complete).toBe(false);
  expect(tookMs).toBeLessThan(SETTLED_WITHIN_MS);
  console.log(
    `lost as ${ended.executions[0]?.reason?.code} after ${Math.round(tookMs)} ms: ${ended.executions[0]?.reason?.detail}`,
  );
}

test("a container that is killed under a script: lost, with the cause, and what was read is kept", async () => {
  const target = await container({ name: "killed" });
  const run = await startScript(`name=${target.name}`);
  await target.act("kill");
  await expectLost(run, ["container-stopped"]);
});

test("a container that is restarted under a script: lost, and the script is not started again", async () => {
  const target = await container({ name: "restarted" });
  const run = await startScript(`name=${target.name}`, `echo start >>/tmp/starts; ${FOR_EVER}`);
  await target.act("restart", "--time", "1");
  await expectLost(run, ["container-restarted", "container-stopped"]);
  expect(await target.exec(["cat", "/tmp/starts"])).toBe("start");
});

test("a container that is removed under a script: lost as gone", async () => {
  const target = await container({ name: "removed" });
  const run = await startScript(`name=${target.name}`);
  await target.act("rm", "--force");
  await expectLost(run, ["container-gone", "container-stopped"]);
});

test("a main process that runs out of memory: lost, with that as the cause", async () => {
  const eat =
    "import os,time\nwhile not os.path.exists('/tmp/eat'): time.sleep(0.05)\nheld=[]\nwhile True: held.append(bytearray(1<<20))";
  const target = await container(
    {
      name: "oom",
      flags: ["--memory", "64m", "--memory-swap", "64m"],
      command: ["python3", "-c", eat],
    },
    engines().images.postgres,
  );
  const run = await startScript(`name=${target.name}`);
  await target.exec(["touch", "/tmp/eat"]);
  await expectLost(run, ["out-of-memory", "container-stopped"]);
});

describe("an engine without live-restore", () => {
  let dockerd: PrivateDockerd;
  let using: DeckhandServer;

  beforeAll(async () => {
    dockerd = await startPrivateDockerd({ images: [engines().images.busybox] });
    using = await startDeckhandServer({ engines: [`private=unix://${dockerd.socketPath}`] });
  });

  afterAll(async () => {
    await using?.close();
    await dockerd?.close();
  });

  afterEach(() => dockerd.start());

  async function startPrivate(flags: readonly string[] = []): Promise<Run> {
    const name = await dockerd.runContainer(engines().images.busybox, flags);
    return startScript(`name=${name}`, FOR_EVER, using);
  }

  test("that is killed is waited for; when it is back, what its containers ran is lost, with the cause", async () => {
    const run = await startPrivate();
    await dockerd.end("SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
    const waiting = (await (await using.fetch(`/api/v1/runs/${run.id}`)).json()) as Run;
    expect(waiting.state).toBe("running");
    await dockerd.start();
    await expectLost(run, CONTAINER_ENDED, using);
  });

  test("that is restarted takes its containers with it: lost, with the cause", async () => {
    const run = await startPrivate();
    await dockerd.end("SIGTERM");
    await dockerd.start();
    await expectLost(run, CONTAINER_ENDED, using);
  });

  test("that is killed, where neither a guard nor files can be: lost at once, as nothing can be waited for", async () => {
    const run = await startPrivate(ROOM_FOR_A_SCRIPT);
    await dockerd.end("SIGKILL");
    await expectLost(run, ["engine-unreachable", "connection-lost"], using);
  });
});
