import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunPage, RunPlanView } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";

const LABEL = `cli-confirm=${randomBytes(4).toString("hex")}`;
const MANY = 11;
let server: DeckhandServer;
let line: CommandLine;
let containers: TestContainer[] = [];
let first: TestContainer;
let drop: string;

beforeAll(async () => {
  const { docker, images } = engines();
  const create = () =>
    dockerContainer({ name: "cli-confirm", image: images.busybox, flags: ["--label", LABEL] });
  containers = await Promise.all(Array.from({ length: MANY }, create));
  [first] = containers as [TestContainer];
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  line = await commandLine(server);
  drop = join(line.home, "drop.sh");
  await writeFile(
    drop,
    '#!/bin/sh\n# @deckhand 1\n# @effect destructive\n# @param WHAT string\necho "dropped $WHAT"\n',
  );
});

afterAll(async () => {
  await Promise.all(containers.map((container) => container.remove()));
  await server.close();
  await line.close();
});

async function countRuns(): Promise<number> {
  const page = await server.fetch("/api/v1/runs?limit=200");
  return ((await page.json()) as RunPage).data.length;
}

test("off a terminal a destructive script needs --yes, and nothing runs without it", async () => {
  const before = await countRuns();
  const words = ["run", drop, "--on", first.name, "WHAT=all"];
  const refused = await line.run(words);
  expect(refused).toMatchObject({ exitCode: 64, stdout: "" });
  expect(refused.stderr).toContain("drop.sh is destructive and would run on 1 target\n  Add --yes");
  expect(await countRuns()).toBe(before);
  expect(await line.run([...words, "--yes"])).toMatchObject({
    exitCode: 0,
    stdout: "dropped all\n",
  });
});

test("on a terminal a destructive script is asked about, after what it misses, and runs on yes", async () => {
  const typed = line.startOnTerminal(["run", drop, "--on", first.name]);
  await typed.says("WHAT = ");
  typed.type("all\r");
  await typed.says("Run it? [y/N] ");
  typed.type("y\r");
  const { stdout, exitCode } = await typed.finished;
  expect(stdout).toContain("dropped all");
  expect(exitCode).toBe(0);
});

test.each(["n\r", "\r", "yess\r"])("the answer %j starts nothing", async (input) => {
  const before = await countRuns();
  const words = ["run", drop, "--on", first.name, "WHAT=all"];
  const { stdout, exitCode } = await line.onTerminal(words, { input });
  expect(stdout).toContain("nothing was started");
  expect(exitCode).toBe(125);
  expect(await countRuns()).toBe(before);
});

test("who leaves at the question starts nothing", async () => {
  const before = await countRuns();
  for (const key of ["\u0003", "\u0004"]) {
    const typed = line.startOnTerminal(["run", drop, "--on", first.name, "WHAT=all"]);
    await typed.says("Run it? [y/N] ");
    typed.type(key);
    expect((await typed.finished).exitCode).toBe(130);
  }
  expect(await countRuns()).toBe(before);
});

test("on a terminal more than 10 targets are asked about, 10 are not", async () => {
  const before = await countRuns();
  const all = ["exec", "--on", `label=${LABEL}`, "--view", "quiet"];
  const asked = await line.onTerminal([...all, "--", "true"], { input: "n\r" });
  expect(asked.stdout).toContain(`true would run on ${MANY} targets. Run it? [y/N]`);
  expect(asked.exitCode).toBe(125);
  expect(await countRuns()).toBe(before);
  const ten = await line.onTerminal([...all, "--except", first.name, "--", "true"]);
  expect(ten.stdout).not.toContain("Run it?");
  expect(ten.exitCode).toBe(0);
  const yes = await line.onTerminal([...all, "--yes", "--", "true"]);
  expect(yes.stdout).not.toContain("Run it?");
  expect(yes.exitCode).toBe(0);
});

test("off a terminal many targets are no reason to ask", async () => {
  const done = await line.run(["exec", "--on", `label=${LABEL}`, "--", "true"]);
  expect(done.exitCode).toBe(0);
});

test("a destructive script is asked about again when it is run again", async () => {
  const words = ["run", drop, "--on", first.name, "WHAT=all", "--yes", "-o", "json"];
  const { id } = JSON.parse((await line.run(words)).stdout) as { id: string };
  const refused = await line.run(["rerun", id]);
  expect(refused.exitCode).toBe(64);
  expect(refused.stderr).toContain("drop.sh is destructive");
  const no = await line.onTerminal(["rerun", id], { input: "n\r" });
  expect(no.exitCode).toBe(125);
  expect(await line.run(["rerun", id, "-y"])).toMatchObject({
    exitCode: 0,
    stdout: "dropped all\n",
  });
});

test("the same idempotency key finds its run although its target is gone", async () => {
  const gone = await dockerContainer({ name: "cli-gone", image: engines().images.busybox });
  const key = randomBytes(8).toString("hex");
  const words = ["run", drop, "--on", `name=${gone.name}`, "WHAT=x"];
  const once = [...words, "--idempotency-key", key, "-d"];
  const made = await line.run([...once, "--yes"]);
  expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^run_/) });
  await gone.remove();
  expect(await line.run(once)).toMatchObject({ exitCode: 0, stdout: made.stdout });
});

test("every limit of the command line is in the request, and the plan shows it", async () => {
  const limits = ["--nice", "-5", "--oom-score", "800", "--cpu-time", "90s", "--open-files", "256"];
  const more = ["--file-size", "1MiB", "--max-processes", "64", "--umask", "0027"];
  const words = [...limits, ...more, "--survivors", "wait", "--dry-run"];
  const run = ["exec", "--on", first.name, ...words];
  const { stdout } = await line.run([...run, "-o", "json", "--", "true"]);
  expect(JSON.parse(stdout) as RunPlanView).toMatchObject({
    limits: {
      nice: -5,
      oomScore: 800,
      cpuTimeMs: 90_000,
      openFiles: 256,
      fileBytes: 1_048_576,
      processes: 64,
      umask: "027",
    },
    survivors: "wait",
  });
  expect((await line.run([...run, "--", "true"])).stdout).toContain(
    "nice -5, oom score +800, CPU time 1m30s, 256 open files, files up to 1.0 MiB, 64 processes, umask 027, waits for background processes",
  );
});

test.each([
  ["--nice", "20", "--nice takes a whole number from -20 to 19"],
  ["--oom-score", "-1", "--oom-score takes a whole number from 0 to 1000"],
  ["--cpu-time", "500ms", "--cpu-time takes whole seconds"],
  ["--open-files", "0", "--open-files takes a whole number from 1"],
  ["--file-size", "much", "--file-size takes a size, such as 10MiB"],
  ["--max-processes", "x", "--max-processes takes a whole number from 1"],
  ["--umask", "9", "--umask takes three octal digits"],
  ["--survivors", "adopt", "Allowed choices are kill, wait"],
])("%s %s is refused before anything is asked", async (option, value, message) => {
  const done = await line.run(["exec", "--on", first.name, option, value, "--", "true"]);
  expect(done).toMatchObject({ exitCode: 64, stderr: expect.stringContaining(message) });
});
