import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Problem, Run } from "@deckhand/core";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";

const command = promisify(execFile);
const DISK_BYTES = 96 * 1024 * 1024;

let folder: string;
let disk: string;
let server: DeckhandServer;
let container: TestContainer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-disk-"));
  disk = join(folder, "mounted");
  const image = join(folder, "disk.img");
  await command("truncate", ["--size", `${DISK_BYTES}`, image]);
  await command("mkfs.ext4", ["-q", "-m", "0", image]);
  await command("mkdir", [disk]);
  await command("mount", ["-o", "loop", image, disk]);
  container = await dockerContainer({ name: "disk-full", image: engines().images.busybox });
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    dataDir: join(disk, "data"),
  });
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
  await command("umount", [disk]).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

function script(text: string) {
  return { inline: { text, interpreter: "sh" }, on: [`name=${container.name}`] };
}

async function submit(text: string): Promise<Response> {
  return server.fetch("/api/v1/runs", { method: "POST", body: JSON.stringify(script(text)) });
}

async function getRun(runId: string, wait: string): Promise<Run> {
  return (await (await server.fetch(`/api/v1/runs/${runId}?wait=${wait}`)).json()) as Run;
}

async function untilSaid(runId: string, words: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const said = await server.fetch(`/api/v1/runs/${runId}/output/raw?stream=stderr`);
    if ((await said.text()) === words) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the script did not say ${words}:\n${server.log.slice(-3000)}`);
}

test("a full disk: running scripts end honestly, new runs are refused, and all is well again when there is room", async () => {
  onTestFailed(() => console.log(server.log.slice(-5000)));
  const before = await server.run(script("echo before"));
  expect(before.state).toBe("succeeded");

  const text =
    "yes 0123456789abcdef | head -c 5100000; echo filling >&2; sleep 4; yes 0123456789abcdef | head -c 54900000; exit 4";
  const flood = (await (await submit(text)).json()) as Run;
  await untilSaid(flood.id, "filling\n");
  const filler = join(disk, "filler");
  await writeFile(filler, Buffer.alloc(DISK_BYTES, 1)).catch(() => undefined);

  let refused: Problem | undefined;
  for (let tries = 0; tries < 50 && !refused; tries++) {
    const answer = await submit("echo no");
    if (answer.status === 503) refused = (await answer.json()) as Problem;
  }
  expect(refused?.code).toBe("STORAGE_FULL");
  expect(refused?.hint).toBeTruthy();

  const floodSeen = getRun(flood.id, "60s");
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  await rm(filler);

  const ended = await floodSeen.then((run) =>
    run.state === "running" ? getRun(flood.id, "60s") : run,
  );
  expect(ended.state).toBe("failed");
  expect(ended.exitCode).toBe(4);
  expect(ended.executions[0]?.output).toMatchObject({
    stdoutBytes: 60_000_000,
    stderrBytes: 8,
    truncated: true,
    complete: false,
  });
  const raw = Buffer.from(
    await (await server.fetch(`/api/v1/runs/${flood.id}/output/raw?stream=stdout`)).arrayBuffer(),
  );
  expect(raw.length).toBeLessThanOrEqual(60_000_000);
  expect(
    raw.equals(
      Buffer.from("0123456789abcdef\n".repeat(Math.ceil(raw.length / 17))).subarray(0, raw.length),
    ),
  ).toBe(true);

  const after = await server.run(script("echo after"));
  expect(after.executions[0]?.output.stdout).toBe("after\n");
  await server.kill("SIGKILL");
  await server.start();
  expect((await getRun(before.id, "0s")).state).toBe("succeeded");
}, 120_000);
