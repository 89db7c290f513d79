import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { Run, RunRequestInput } from "@deckhand/core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { docker, dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import {
  type EngineRecorder,
  type EngineRequest,
  engineRecorder,
} from "./support/engine-recorder.ts";
import { engines } from "./support/engines.ts";

/** All that is ever asked of an engine. */
const CALLS = [
  "GET /version",
  "GET /events",
  "GET /containers/json",
  "GET /containers/ID/json",
  "GET /containers/ID/top",
  "POST /containers/ID/exec",
  "POST /exec/ID/start",
  "GET /exec/ID/json",
];
const MOST_COMMANDS = 8;

interface ExecBody {
  readonly Cmd: readonly string[];
  readonly Tty?: boolean;
  readonly Privileged?: boolean;
  readonly User?: string;
}

let recorder: EngineRecorder;
let server: DeckhandServer;
let container: TestContainer;

beforeAll(async () => {
  recorder = await engineRecorder(engines().docker.socketPath);
  server = await startDeckhandServer({ engines: [`local=unix://${recorder.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  await recorder?.close();
});

afterEach(async () => container?.remove());

/** Where a user who is not root can write nothing that may be executed, and there is no interpreter, no guard gets in. */
const WAYS = [
  { way: "guard", flags: [] },
  { way: "attached-exec", flags: ["--read-only", "--user", "1234"] },
] as const;
type Way = (typeof WAYS)[number];

async function startTarget({ flags }: Way): Promise<void> {
  const image = engines().images.busybox;
  container = await dockerContainer({ name: "traffic", image, flags });
}

/** A value that is nowhere else. */
function canary(): string {
  return `canary-${randomBytes(12).toString("hex")}`;
}

function onTarget(request: Omit<RunRequestInput, "on">): RunRequestInput {
  return { ...request, on: [`name=${container.name}`] };
}

/** The value is the script's text, its parameter, its secret, its environment and its standard input. */
function planted(value: string, lastLine: string): RunRequestInput {
  const text = [
    "#!/bin/sh",
    "# @deckhand 1",
    "# @secret PASSWORD -- of the role",
    "# @param WHO string",
    `: ${value}`,
    `[ "$PASSWORD$WHO$PLACE$(cat)" = ${value.repeat(4)} ] && echo all`,
    lastLine,
  ].join("\n");
  return onTarget({
    inline: { text, name: value },
    params: { PASSWORD: value, WHO: value },
    env: { PLACE: value },
    stdin: value,
  });
}

/** Runs that have nothing in common but their container; one of them ends by its time limit. */
function manyKinds(value: string): RunRequestInput[] {
  return [
    planted(value, "exit 0"),
    planted(value, "exit 3"),
    { ...planted(value, "id"), user: "1000" },
    { ...planted(value, "id"), user: "1234:1234", workdir: "/tmp" },
    { ...planted(value, "exec sleep 60"), limits: { timeout: "3s", killGrace: "200ms" } },
    onTarget({ inline: { text: `echo ${value} $1`, interpreter: "sh" }, args: [value] }),
    onTarget({ inline: { text: `echo ${value}\n`.repeat(20_000), interpreter: "sh -e" } }),
    onTarget({ inline: { text: value, interpreter: "cat" } }),
    onTarget({ inline: { text: value, interpreter: `no-${value}` } }),
    onTarget({ argv: ["echo", value] }),
    onTarget({ argv: [`no-${value}`] }),
  ];
}

async function runAll(requests: readonly RunRequestInput[], { way }: Way): Promise<void> {
  const ended = await Promise.all(requests.map((request) => server.run(request)));
  for (const { id, finishedAt } of ended) expect(finishedAt, id).not.toBeNull();
  for (const { executions } of ended.slice(0, 5)) {
    expect(executions[0]?.guarantees?.way).toBe(way);
    expect(executions[0]?.output.stdout, JSON.stringify(executions[0])).toMatch(/^all\n/);
  }
}

async function cancelOne(value: string): Promise<void> {
  const { id } = await startAndSee(planted(value, "sleep 60"));
  const answer = await server.fetch(`/api/v1/runs/${id}/cancel?wait=30s`, {
    method: "POST",
    body: "{}",
  });
  expect(((await answer.json()) as Run).state).toBe("cancelled");
}

/** Resolves when the script has said that it has all of its values. */
async function startAndSee(request: RunRequestInput): Promise<Run> {
  const body = JSON.stringify(request);
  const answer = await server.fetch("/api/v1/runs", { method: "POST", body });
  const run = (await answer.json()) as Run;
  await expect
    .poll(async () => (await server.fetch(`/api/v1/runs/${run.id}/output/raw`)).text(), {
      timeout: 30_000,
    })
    .toMatch(/^all\n/);
  return run;
}

function toCall({ method, path }: EngineRequest): string {
  const [plain = ""] = path.split("?");
  return `${method} ${plain.replace(/^\/v\d+\.\d+/, "").replace(/\/[0-9a-f]{64}(?=\/)/, "/ID")}`;
}

function execBodies(): ExecBody[] {
  return recorder
    .requests()
    .filter((request) => toCall(request) === "POST /containers/ID/exec")
    .filter(({ path }) => path.includes(container.id))
    .map(({ body }) => JSON.parse(body) as ExecBody);
}

function distinctCommands(): string[] {
  return [...new Set(execBodies().map(({ Cmd }) => JSON.stringify(Cmd)))].toSorted();
}

/** The words around a value, wherever it is found. */
function mentions(value: string, texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const at = text.indexOf(value);
    return at < 0 ? [] : [text.slice(Math.max(0, at - 60), at + 60)];
  });
}

async function readEvents(sinceMs: number): Promise<string> {
  return docker(
    ...["events", "--since", `${sinceMs / 1000}`, "--until", `${Date.now() / 1000}`],
    ...["--filter", `container=${container.id}`, "--format", "{{json .}}"],
  );
}

/** The command lines of all processes of this machine, those inside containers too. */
async function readCommandLines(): Promise<string> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.map((line) => line.replaceAll("\0", " ")).join("\n");
}

test.each(WAYS)(
  "by the way $way the engine is asked for the same few things, whatever is run, and its events tell no value",
  async (way) => {
    const sinceMs = Date.now();
    await startTarget(way);
    const [first, second] = [canary(), canary()];
    await runAll(manyKinds(first), way);
    await cancelOne(first);
    const commands = distinctCommands();
    await runAll(manyKinds(second), way);
    await cancelOne(second);
    await server.kill("SIGKILL");
    await server.start();
    await runAll(manyKinds(second), way);

    const requests = recorder.requests();
    const calls = [...new Set(requests.map(toCall))];
    console.log(
      `${way.way}: ${calls.length} kinds of requests, ${execBodies().length} execs, ${commands.length} commands`,
    );
    expect(calls.filter((call) => !CALLS.includes(call))).toEqual([]);
    expect(distinctCommands(), "other values make no other commands").toEqual(commands);
    expect(commands.length).toBeLessThanOrEqual(MOST_COMMANDS);
    const bodies = requests.map(({ body }) => body);
    expect(bodies.filter((body) => /"(Tty|Privileged)":\s*true/.test(body))).toEqual([]);
    const events = await readEvents(sinceMs);
    expect(events).toContain("exec_create");
    for (const value of [first, second])
      expect(mentions(value, [...distinctCommands(), events])).toEqual([]);
    // Where no guard gets in, the script and its values travel in the environment of its exec.
    if (way.way === "guard") expect(mentions(second, bodies)).toEqual([]);
  },
);

test.each(WAYS)(
  "by the way $way nobody who lists processes while a script runs sees its text, parameters or secrets",
  async (way) => {
    await startTarget(way);
    const value = canary();
    const seconds = 100_000 + Math.floor(Math.random() * 100_000);
    const run = await startAndSee(planted(value, `sleep ${seconds}`));
    await expect.poll(readCommandLines, { timeout: 10_000 }).toContain(`sleep ${seconds}`);
    expect(mentions(value, [await readCommandLines()])).toEqual([]);
    await server.fetch(`/api/v1/runs/${run.id}/cancel?wait=30s`, { method: "POST", body: "{}" });
  },
);
