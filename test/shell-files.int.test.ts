import type { Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";

let server: DeckhandServer;
let target: TestContainer;

beforeAll(async () => {
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
  // No directory may hold programs, and busybox has no interpreter that could start a guard from memory.
  const flags = ["--read-only", "--user", "1234", "--cap-drop", "ALL"];
  target = await dockerContainer({ name: "files", image: engines().images.busybox, flags });
});

afterAll(async () => {
  await server?.close();
  await target?.remove();
});

async function submit(text: string, more: Partial<RunRequestInput> = {}): Promise<Run> {
  const body = JSON.stringify({
    inline: { text, interpreter: "sh" },
    on: [`name=${target.name}`],
    ...more,
  });
  const answer = await server.fetch("/api/v1/runs", { method: "POST", body });
  expect(answer.status).toBe(201);
  return (await answer.json()) as Run;
}

async function awaitEnd({ id }: Run): Promise<Run> {
  return (await (await server.fetch(`/api/v1/runs/${id}?wait=60s`)).json()) as Run;
}

async function readOutput({ id }: Run): Promise<string> {
  return (await server.fetch(`/api/v1/runs/${id}/output/raw`)).text();
}

async function startAndSee(text: string, more: Partial<RunRequestInput> = {}): Promise<Run> {
  const run = await submit(text, more);
  await expect.poll(() => readOutput(run), { timeout: 20_000 }).not.toBe("");
  return run;
}

const directories = () =>
  target.exec(["sh", "-c", "ls -a /dev/shm | grep deckhand || echo nothing"]);

test("where no guard gets in, a script and all it says outlive a server that is killed", async () => {
  const lines = 4_000;
  const run = await startAndSee(
    `i=0; while [ $i -lt ${lines} ]; do echo "line $i"; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.1; done; exit 5`,
  );
  for (let kills = 0; kills < 3; kills++) {
    await server.kill("SIGKILL");
    await server.start();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const ended = await awaitEnd(run);
  expect(ended.executions[0]).toMatchObject({
    state: "failed",
    exitCode: 5,
    guarantees: { way: "shell-files", durability: "durable", survivesServerRestart: true },
    output: { complete: true, truncated: false },
  });
  const all = Array.from({ length: lines }, (_, index) => `line ${index}\n`).join("");
  expect(await readOutput(run)).toBe(all);
  await expect.poll(directories, { timeout: 10_000 }).toBe("nothing");
});

test("a server that is told to end lets go of it at once", async () => {
  const run = await startAndSee("echo begun; sleep 4; echo done");
  await server.kill("SIGTERM");
  await server.start();
  expect(await awaitEnd(run)).toMatchObject({ state: "succeeded" });
  expect(await readOutput(run)).toBe("begun\ndone\n");
});

test("output above the limit is counted and does not stop the script", async () => {
  const run = await submit("head -c 5000000 /dev/zero | tr '\\0' x; exit 2", {
    limits: { outputBytes: 1_048_576 },
  });
  const [execution] = (await awaitEnd(run)).executions;
  expect(execution).toMatchObject({
    exitCode: 2,
    output: { stdoutBytes: 5_000_000, truncated: true },
  });
});

test("a deadline that passes while no server is there is kept by the next one", async () => {
  const run = await startAndSee("echo begun; sleep 6363", { limits: { timeout: "3s" } });
  await server.kill("SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await server.start();
  expect(await awaitEnd(run)).toMatchObject({ state: "timed-out" });
  await expect.poll(directories, { timeout: 10_000 }).toBe("nothing");
});
