import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunPage } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type TargetContainer, targetContainer } from "../../../test/support/target-container.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";

const VALUE = `hunter2-${randomBytes(6).toString("hex")}`;
let server: DeckhandServer;
let line: CommandLine;
let target: TargetContainer;

beforeAll(async () => {
  target = await targetContainer({});
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
  });
  line = await commandLine(server);
  const declared = '#!/bin/sh\n# @deckhand 1\n# @secret PASSWORD\necho "$PASSWORD" ${#PASSWORD}\n';
  await writeFile(join(line.home, "declared.sh"), declared);
  await writeFile(join(line.home, "plain.sh"), '#!/bin/sh\necho "$PASSWORD" ${#PASSWORD}\n');
  await writeFile(join(line.home, "pw"), `${VALUE}\n`);
  for (const words of [
    ["scripts", "put", join(line.home, "declared.sh")],
    ["secrets", "set", "db/main"],
  ]) {
    const done = await line.run(words, { input: VALUE });
    expect(done.exitCode, done.stderr).toBe(0);
  }
});

afterAll(async () => {
  await server?.close();
  await line?.close();
  await target?.remove();
});

const file = (name: string) => join(line.home, name);
const fromFile = () => ["--secret", `PASSWORD=@${file("pw")}`];
const hidden = `${"*".repeat(VALUE.length)} ${VALUE.length}\n`;

async function countRuns(): Promise<number> {
  const { data } = (await (await server.fetch("/api/v1/runs?limit=200")).json()) as RunPage;
  return data.length;
}

test("a value that would be on a command line, or kept in clear, is refused before anything is made", async () => {
  const on = ["--on", target.name];
  const ran = await line.run(["run", file("declared.sh"), ...on, ...fromFile()]);
  expect(ran).toMatchObject({ exitCode: 0, stdout: hidden });
  const plain = await line.run(["run", file("plain.sh"), ...on, "--secret", "PASSWORD=db/main"]);
  expect(plain).toMatchObject({ exitCode: 0, stdout: hidden });
  const runs = JSON.parse((await line.run(["runs", "-o", "json"])).stdout) as RunPage;
  const [last, first] = runs.data.map(({ id }) => id) as [string, string];
  const before = await countRuns();
  const word = `PASSWORD=${VALUE}`;
  for (const [words, said] of [
    [["run", file("declared.sh"), word, ...on], "PASSWORD is secret"],
    [["run", "declared", word, ...on], "PASSWORD is secret"],
    [["rerun", first, word], "PASSWORD is secret"],
    [["rerun", last, word], "PASSWORD is secret"],
    [["schedules", "create", "no", "@daily", "declared", word, ...on], "PASSWORD is secret"],
    [["run", file("plain.sh"), ...on, ...fromFile()], "does not declare PASSWORD as @secret"],
    [
      ["schedules", "create", "no", "@daily", ...on, ...fromFile(), "--", "env"],
      "does not declare PASSWORD as @secret",
    ],
  ] as const) {
    const refused = await line.run(words);
    expect([refused.exitCode === 0, refused.stdout]).toEqual([false, ""]);
    expect(refused.stderr).toContain(said);
    expect(refused.stderr).not.toContain(VALUE);
  }
  expect(await countRuns()).toBe(before);
});

test("schedules and triggers take a stored secret in place of what they had, and show its name", async () => {
  const on = ["--on", target.name];
  const make = ["schedules", "create", "nightly", "@yearly", "declared", ...on, ...fromFile()];
  expect((await line.run(make)).stderr).toContain("made the schedule nightly");
  const stored = ["--secret", "PASSWORD=db/main"];
  for (const words of [
    ["schedules", "set", "nightly", ...stored],
    ["triggers", "set", "hook", "--webhook", "standard", "--run", "declared", ...on, ...stored],
  ]) {
    const done = await line.run(words);
    expect(done.exitCode, done.stderr).toBe(0);
    expect(done.stdout).not.toContain(VALUE);
  }
  for (const words of [
    ["schedules", "show", "nightly", "-o", "json"],
    ["triggers", "show", "hook", "-o", "json"],
  ]) {
    const { run } = JSON.parse((await line.run(words)).stdout) as { run: object };
    expect(run).toMatchObject({ params: {}, secrets: { PASSWORD: "db/main" } });
  }
  expect((await line.run(["triggers", "show", "hook"])).stdout).toContain(
    "secret   PASSWORD=db/main",
  );
  expect(await line.run(["schedules", "run", "nightly"])).toMatchObject({ stdout: hidden });
  const value = await line.run(["triggers", "set", "hook", ...fromFile()]);
  expect(value.stderr).toContain("a trigger takes stored secrets only");
});
