import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  "GET /containers/ID/stats",
  "POST /containers/ID/exec",
  "POST /exec/ID/start",
  "GET /exec/ID/json",
];
/** What comes to them where the operator allows archives and sidecars, and lets labels say what runs. */
const ALLOWED_CALLS = [
  "PUT /containers/ID/archive",
  "POST /containers/create",
  "POST /containers/ID/start",
  "DELETE /containers/ID",
  "GET /images/ID/json",
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
  { way: "shell-files", flags: ["--read-only", "--user", "1234"] },
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
  const id = /\/((sha256%3A)?[0-9a-f]{64}|deckhand-sidecar-[0-9a-f]{16})(?=\/|$)/;
  return `${method} ${plain.replace(/^\/v\d+\.\d+/, "").replace(id, "/ID")}`;
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

/** Everything that is asked of a sidecar; only the image, whose it is, its user and its target differ. */
const SIDECAR_BODY = {
  Image: expect.any(String),
  Entrypoint: ["/bin/sh", "-c", expect.stringMatching(/^echo \$\$ >\S+ && exec sleep 60$/), "sh"],
  Cmd: [],
  User: "1234",
  WorkingDir: "/",
  Env: [],
  Tty: false,
  Healthcheck: { Test: ["NONE"] },
  Labels: { "deckhand.sidecar": expect.stringMatching(/^[0-9a-f]{16}\.[0-9a-f]{16}$/) },
  HostConfig: {
    PidMode: expect.stringMatching(/^container:[0-9a-f]{64}$/),
    NetworkMode: "none",
    Privileged: false,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    ReadonlyRootfs: true,
    Tmpfs: { "/deckhand": expect.stringMatching(/^rw,exec,nosuid,nodev,/) },
    Memory: expect.any(Number),
    PidsLimit: expect.any(Number),
    Ulimits: [expect.anything(), expect.anything()],
    RestartPolicy: { Name: "no" },
    AutoRemove: true,
  },
};

function findSidecarLabel(body: string): string[] {
  const [, label] = /"deckhand\.sidecar":"([^"]+)"/.exec(body) ?? [];
  return label ? [label] : [];
}

async function startLabelled(owner: string): Promise<string> {
  const label = `deckhand.sidecar=${owner}`;
  return docker("run", "--detach", "--label", label, engines().images.busybox, "sleep", "600");
}

test("where archives, sidecars and labels are allowed the engine is asked for five things more, and each is always the same", async () => {
  const { images } = engines();
  const allowing = await engineRecorder(engines().docker.socketPath);
  const folder = await mkdtemp(join(tmpdir(), "deckhand-allowing-"));
  const config = join(folder, "deckhand.json");
  const guard = { archive: "any-version", sidecarImage: images.busybox };
  const address = `unix://${allowing.socketPath}`;
  const local = { address, guard, schedulesFromLabels: true };
  await writeFile(config, JSON.stringify({ engines: { local } }));
  const allowed = await startDeckhandServer({ engines: [], env: { DECKHAND_CONFIG: config } });
  const runIn = async (flags: readonly string[]) => {
    const command = ["/sleep", "100000"];
    container = await dockerContainer({
      name: "allowed",
      image: images.scratch,
      flags: ["--label", "deckhand.schedule.x=@yearly none", ...flags],
      command,
    });
    const value = canary();
    const { executions } = await allowed.run(onTarget({ argv: ["/echo", value] }));
    expect(executions[0]?.guarantees?.way).toBe("guard");
    expect(executions[0]?.output.stdout).toBe(`${value}\n`);
    await container.remove();
    return value;
  };
  try {
    const values = [
      await runIn([]),
      await runIn(["--user", "1234"]),
      await runIn(["--read-only", "--user", "1234", "--cap-drop", "ALL"]),
    ];
    await allowed.kill("SIGKILL");
    const [crashed] = allowing.requests().flatMap(({ body }) => findSidecarLabel(body));
    const left = await startLabelled(`${crashed}`);
    const foreign = await startLabelled("another server's");
    await allowed.start();
    await expect.poll(() => docker("ps", "--all", "--quiet", "--no-trunc")).not.toContain(left);
    expect(await docker("ps", "--quiet", "--no-trunc")).toContain(foreign);
    const targets = await (await allowed.fetch("/api/v1/targets")).text();
    expect(targets).not.toContain(foreign);
    await docker("rm", "--force", foreign);
    values.push(await runIn(["--read-only", "--user", "1234"]));

    const requests = allowing.requests();
    const calls = [...new Set(requests.map(toCall))];
    expect(calls.filter((call) => ![...CALLS, ...ALLOWED_CALLS].includes(call))).toEqual([]);
    expect(calls).toEqual(expect.arrayContaining(ALLOWED_CALLS));
    const bodiesOf = (call: string) =>
      requests.filter((one) => toCall(one) === call).map(({ body }) => body);
    const created = bodiesOf("POST /containers/create").map((body) => JSON.parse(body) as unknown);
    expect(created).toHaveLength(2);
    for (const body of created) expect(body).toEqual(SIDECAR_BODY);
    const places = requests
      .filter((one) => toCall(one) === "PUT /containers/ID/archive")
      .map(({ path }) => decodeURIComponent(path.split("?path=")[1] ?? ""));
    expect([...new Set(places)].toSorted()).toEqual(["/", "/etc"]);
    const bodies = requests.map(({ body }) => body);
    expect(bodies.filter((body) => /"(Tty|Privileged)":\s*true/.test(body))).toEqual([]);
    for (const value of values) expect(mentions(value, bodies)).toEqual([]);
  } finally {
    await allowed.close();
    await allowing.close();
    await rm(folder, { recursive: true, force: true });
  }
});
