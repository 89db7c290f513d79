import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExaminationView } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine, type Finished } from "./support/command-line.ts";

let server: DeckhandServer;
let line: CommandLine;
const targets = new Map<string, TestContainer>();

/** Takes the cursor to the top and the window's title with it; as an argument and as the name of PID 1. */
const ESCAPES = "\u001b[2J\u001b]0;owned\u0007";
const HOSTILE = `printf "$1" >/proc/self/comm; while :; do sleep 1000; done`;

const CLOSED = ["--read-only", "--user", "1234"] as const;
/** Then there is nowhere to write at all. */
const NOTHING_SHARED = ["--mount", "type=tmpfs,dst=/dev/shm,tmpfs-mode=0755"] as const;

const CONTAINERS = {
  plain: { image: "busybox", flags: [] },
  closed: { image: "busybox", flags: CLOSED },
  sealed: { image: "busybox", flags: [...CLOSED, ...NOTHING_SHARED] },
  shellless: { image: "scratch", flags: [], command: ["/sleep", "100000"] },
  hostile: {
    image: "busybox",
    flags: [],
    command: ["sh", "-c", HOSTILE, "sh", ESCAPES],
  },
  paused: { image: "busybox", flags: [] },
  stopped: { image: "busybox", flags: [] },
} as const;

beforeAll(async () => {
  const { docker, images } = engines();
  for (const [name, { image, ...options }] of Object.entries(CONTAINERS)) {
    const container = await dockerContainer({ name: "doctor", image: images[image], ...options });
    targets.set(name, container);
  }
  await targets.get("paused")?.act("pause");
  await targets.get("stopped")?.act("kill");
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  line = await commandLine(server);
});

afterAll(async () => {
  await server?.close();
  await line?.close();
  await targets.get("paused")?.act("unpause");
  for (const target of targets.values()) await target.remove();
});

function nameOf(target: keyof typeof CONTAINERS): string {
  return targets.get(target)?.name ?? "";
}

function documentOf({ stdout }: Finished): ExaminationView {
  return JSON.parse(stdout) as ExaminationView;
}

test("a container with a guard is well, in groups of lines with marks", async () => {
  const done = await line.run(["doctor", nameOf("plain")]);
  expect(done).toMatchObject({ exitCode: 0, stderr: "" });
  const [head, ...rest] = done.stdout.split("\n");
  expect(head).toBe(`${nameOf("plain")} on local`);
  const heads = rest.filter((text) => /^[A-Z]/.test(text));
  expect(heads).toEqual([
    "The container",
    "The guard's way in",
    "What holds for a script",
    "Inside",
    "Scripts run here in a durable way.",
  ]);
  expect(done.stdout).toMatch(/^ {2}✓ guard +comes in by shell/m);
  expect(done.stdout).toMatch(/^ {2}✓ stop +tree: /m);
  expect(done.stdout).not.toContain("✕");
  expect(done.stdout).not.toContain("\u001b");
});

test("a container that lets no guard in, but can be written to, keeps what scripts say in files", async () => {
  const done = await line.run(["doctor", nameOf("closed")]);
  expect(done.exitCode).toBe(0);
  expect(done.stdout).toMatch(/^ {2}✕ shell .*\n +.*docker run --tmpfs \/run:exec$/m);
  expect(done.stdout).toMatch(/^ {2}✕ python +the container has no python3$/m);
  expect(done.stdout).toMatch(/^ {2}· root +read-only$/m);
  expect(done.stdout).toMatch(/^ {2}! way +shell-files: /m);
  expect(done.stdout).toMatch(/^ {2}✓ durability +durable: /m);
  expect(done.stdout).toMatch(/^ {2}! terminal +can not be opened/m);
  expect(done.stdout).toMatch(/\nScripts run here in a durable way\.\n$/);
});

test("a container where nothing can be written is told with what is lost, and is 1", async () => {
  const done = await line.run(["doctor", nameOf("sealed")]);
  expect(done.exitCode).toBe(1);
  expect(done.stdout).toMatch(/^ {2}✕ shell +no directory .*\n +.*docker run --tmpfs \/run:exec$/m);
  expect(done.stdout).toMatch(/^ {2}! way +attached-exec: /m);
  expect(done.stdout).toMatch(/^ {2}! server restart +no re-attach/m);
  expect(done.stdout).toMatch(/^ {2}! stop +.*orphans reach PID 1$/m);
  expect(done.stdout).toMatch(/^ {2}✓ PID 1 +sh: .*; it reaps orphans$/m);
  expect(done.stdout).toMatch(
    /^ {2}✕ scripts +can not run here\. The script could be written nowhere/m,
  );
  expect(done.stdout).toMatch(/\nOnly plain command lines run here\.\n$/);
});

test("a container without a shell can run nothing, until an operator allows it", async () => {
  const done = await line.run(["doctor", nameOf("shellless")]);
  expect(done.exitCode).toBe(1);
  expect(done.stdout).toMatch(/\nNothing can run here\.\n$/);
  expect(done.stdout).toContain("engines.local.directExec: true");
  const allowed = await doctorOfServerThat("directExec: true", nameOf("shellless"));
  expect(allowed.exitCode).toBe(1);
  expect(allowed.stdout).toMatch(/^ {2}✕ stop +none: /m);
  expect(allowed.stdout).toMatch(/\nOnly plain command lines run here\.\n$/);
});

test("a container without a shell lets the guard in as an archive, where an operator allows it", async () => {
  const allowed = await doctorOfServerThat("guard: {archive: any-version}", nameOf("shellless"));
  expect(allowed.exitCode).toBe(0);
  expect(allowed.stdout).toMatch(/^ {2}✓ guard +comes in by archive/m);
  expect(allowed.stdout).toMatch(/^ {2}· shell +the container has no \/bin\/sh$/m);
  expect(allowed.stdout).toMatch(/^ {2}! scripts +there is no shell: /m);
  const closed = await doctorOfServerThat("guard: {archive: any-version}", nameOf("closed"));
  expect(closed.stdout.match(/^ {2}✕ archive /gm)).toHaveLength(1);
});

/** Has another server, with this in its engine's configuration, look at a container. */
async function doctorOfServerThat(allows: string, target: string): Promise<Finished> {
  const file = join(line.home, "deckhand.yaml");
  const address = `unix://${engines().docker.socketPath}`;
  await writeFile(file, `engines: {local: {address: "${address}", ${allows}}}\n`);
  const other = await startDeckhandServer({ engines: [], env: { DECKHAND_CONFIG: file } });
  try {
    const env = { DECKHAND_SERVER: other.url, DECKHAND_TOKEN: other.token };
    return await line.run(["doctor", target], { env });
  } finally {
    await other.close();
  }
}

test("a program gets one document, with everything that was found", async () => {
  const done = await line.run(["doctor", nameOf("sealed"), "-o", "json"]);
  expect(done.exitCode).toBe(1);
  expect(documentOf(done)).toMatchObject({
    target: { name: nameOf("sealed"), engine: "local" },
    user: "",
    container: { status: "running", user: "1234", oomKilled: false },
    engine: { product: "docker" },
    guard: null,
    tried: [{ way: "shell" }, { way: "python" }, { way: "perl" }],
    refusal: { code: "no-writable-directory" },
    guarantees: {
      way: "attached-exec",
      durability: "attached",
      stop: "marker-sweep",
      survivesServerRestart: false,
    },
    inside: { user: { uid: 1234 }, readOnlyRoot: true },
  });
});

test("another user is another examination", async () => {
  const as = ["doctor", nameOf("plain"), "--user", "4321", "-o", "json"];
  const done = await line.run(as);
  expect(done.exitCode).toBe(0);
  expect(documentOf(done)).toMatchObject({
    user: "4321",
    guard: { uid: 4321 },
    inside: { user: { uid: 4321 } },
  });
  const nobody = await line.run(["doctor", nameOf("plain"), "--user", "no-such"]);
  expect(nobody.exitCode).toBe(1);
  expect(nobody.stdout).toContain("the container knows no such user or group");
});

test("a target is found by its name, its id, and its container's id", async () => {
  const byName = documentOf(await line.run(["doctor", nameOf("plain"), "-o", "json"]));
  const { id, containerId } = byName.target;
  for (const word of [id, containerId, containerId.slice(0, 12)]) {
    const { target } = documentOf(await line.run(["doctor", word, "-o", "json"]));
    expect(target).toEqual(byName.target);
  }
});

test.each([
  [
    "that is not there",
    () => "no-such-target",
    66,
    /There is no target no-such-target\.[\s\S]*deckhand targets/,
  ],
  ["with a name that is none", () => "../json", 66, /There is no target \.\.\/json\./],
  ["that is paused", () => nameOf("paused"), 65, /is paused;[\s\S]*docker unpause/],
  ["that does not run", () => nameOf("stopped"), 65, /is exited;[\s\S]*docker start/],
])("a target %s is told as such", async (_what, target, exitCode, text) => {
  const done = await line.run(["doctor", target()]);
  expect(done).toMatchObject({ exitCode, stdout: "", stderr: expect.stringMatching(text) });
});

test("colours are for terminals, and what a container calls itself never reaches one as it is", async () => {
  const words = ["doctor", nameOf("hostile")];
  const { stdout } = await line.onTerminal(words);
  expect(stdout).toContain("\u001b[32m✓\u001b[39m");
  expect(stdout).toContain("PID 1");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  expect(stdout.replaceAll(/\u001b\[[0-9;]*m/g, "")).not.toMatch(/\u001b|\u0007/);
  const piped = await line.run(words);
  expect(piped.stdout).not.toMatch(/\u001b|\u0007/);
  const document = documentOf(await line.run([...words, "-o", "json"]));
  expect(document.inside?.main.name).toContain("\u001b[2J");
});

test("a user without a target is a usage error", async () => {
  expect(await line.run(["doctor", "--user", "root"])).toMatchObject({
    exitCode: 64,
    stderr: expect.stringContaining("--user needs a target"),
  });
});

test("an examination is in the audit, and needs a token", async () => {
  const { target } = documentOf(await line.run(["doctor", nameOf("plain"), "-o", "json"]));
  const answer = await server.fetch("/api/v1/audit?action=target.examine&limit=1");
  expect(await answer.json()).toMatchObject({
    data: [{ action: "target.examine", object: target.id, outcome: "allowed" }],
  });
  const refused = await server.fetch(`/api/v1/targets/${target.id}/doctor`, {
    headers: { authorization: "" },
  });
  expect(refused.status).toBe(401);
});
