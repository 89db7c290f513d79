import { execFile as execFileCallback } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type {
  OutputFrame,
  OutputHit,
  RetentionReport,
  Run,
  RunPage,
  RunSummary,
  SearchPage,
} from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandLine } from "../packages/cli/test/support/command-line.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import {
  cancelRun,
  onlyExecution,
  rawOutput,
  readRun,
  startAndSee,
} from "./support/run-requests.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";

const KEPT_BYTES = 40_000;
const KEPT_RUNS = 60;
const WORKERS = 4;
const KILLS = Number(process.env["DECKHAND_KILLS"] ?? 3);
const RUNS = Number(process.env["DECKHAND_RUNS"] ?? 100);
const LINES = 80;

let server: DeckhandServer;
let target: TargetContainer;
let folder: string;

const execFile = promisify(execFileCallback);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-history-"));
  [server, target] = await Promise.all([
    startDeckhandServer({
      engines: [`local=unix://${engines().docker.socketPath}`],
      env: {
        DECKHAND_RETENTION_OUTPUT_BYTES: `${KEPT_BYTES}`,
        DECKHAND_RETENTION_RUNS_PER_SCRIPT: `${KEPT_RUNS}`,
        DECKHAND_RETENTION_EVERY_MS: "100ms",
      },
    }),
    targetContainer({}),
  ]);
  const text = `#!/bin/sh\n# @deckhand 1\n# @param ID string\ni=0; while [ $i -lt ${LINES} ]; do echo "$ID line $i"; i=$((i+1)); done\n`;
  const body = JSON.stringify({ path: "numbered.sh", text });
  expect((await server.fetch("/api/v1/scripts", { method: "POST", body })).status).toBe(201);
});

afterAll(async () => {
  await server?.close();
  await target?.remove();
  await rm(folder, { recursive: true, force: true });
});

/** The command line, by the address that the server has now. */
async function deckhand(words: readonly string[]) {
  const cli = await commandLine(server);
  try {
    return await cli.run(words);
  } finally {
    await cli.close();
  }
}

const toOutput = (id: string) =>
  Array.from({ length: LINES }, (_, line) => `${id} line ${line}\n`).join("");

/** Asks again until the server that may just be dead has answered. */
async function insist(path: string, init?: RequestInit): Promise<Response> {
  const until = performance.now() + 90_000;
  for (;;) {
    try {
      const answer = await server.fetch(path, init);
      if (answer.status < 500 || performance.now() > until) return answer;
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await pause(100);
  }
}

async function runOne(id: string): Promise<string> {
  const body = JSON.stringify({
    script: "numbered",
    on: [`name=${target.name}`],
    params: { ID: id },
  });
  const headers = { "idempotency-key": randomUUID() };
  const answer = await insist("/api/v1/runs?wait=60s", { method: "POST", body, headers });
  // When the server dies after the run and before its answer, retention may have taken the run by then.
  expect([200, 201, 404]).toContain(answer.status);
  return answer.status === 404 ? "" : ((await answer.json()) as Run).id;
}

async function listAll(): Promise<RunSummary[]> {
  const runs: RunSummary[] = [];
  for (let after: string | null = ""; after !== null; ) {
    const answer = await insist(`/api/v1/runs?limit=200${after && `&after=${after}`}`);
    const page = (await answer.json()) as RunPage;
    runs.push(...page.data);
    after = page.next;
  }
  return runs;
}

/** The runs of which output is kept: in a directory each, or in rows where it is little. */
async function listOutputs(): Promise<string[]> {
  const root = join(server.dataDir, "output");
  const folders = await readdir(root);
  const directories = await Promise.all(folders.map((folder) => readdir(join(root, folder))));
  const inRows = rows("select distinct run_id from short_outputs").map(({ run_id }) =>
    String(run_id),
  );
  return [...directories.flat(), ...inRows];
}

function rows(sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(server.dataDir, "deckhand.db"), { readOnly: true });
  try {
    return database.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

test("under load and three kills, what is kept is whole, and of what goes nothing is left", async () => {
  const waiting = {
    inline: { text: "echo open; sleep 3000", interpreter: "sh" },
    on: [`name=${target.name}`],
  };
  const open = await startAndSee(server, waiting, "open");
  const ids = Array.from({ length: RUNS }, (_, place) => `id-${place}-${randomUUID()}`);
  const runOf = new Map<string, string>();
  const rest = [...ids];
  const work = async () => {
    for (let id = rest.shift(); id !== undefined; id = rest.shift())
      runOf.set(await runOne(id), id);
  };
  const working = Promise.all(Array.from({ length: WORKERS }, work));
  for (let kill = 1; kill <= KILLS; kill++) {
    while (rest.length > RUNS * (1 - kill / (KILLS + 1))) await pause(20);
    await server.kill("SIGKILL");
    await server.start();
  }
  await working;
  expect(runOf.size).toBeGreaterThan(RUNS / 2);
  const applied = (await (
    await insist("/api/v1/retention/apply", { method: "POST" })
  ).json()) as RetentionReport;
  expect(applied).toMatchObject({ applied: true, rules: { outputBytes: KEPT_BYTES } });

  const runs = await listAll();
  const ended = runs.filter(({ script }) => script?.name === "numbered");
  expect(ended.length).toBe(KEPT_RUNS);
  const withOutput: string[] = [];
  let bytes = 0;
  for (const { id } of ended) {
    const run = await readRun(server, id);
    const { output, state } = onlyExecution(run);
    expect(state).toBe("succeeded");
    const raw = await server.fetch(`/api/v1/runs/${id}/output/raw`);
    if (output.expired) {
      expect(await raw.json()).toMatchObject({ status: 404, code: "OUTPUT_EXPIRED" });
      continue;
    }
    const name = runOf.get(id);
    expect(await raw.text()).toBe(name === undefined ? undefined : toOutput(name));
    withOutput.push(id);
    bytes += output.storedBytes;
  }
  expect(withOutput.length).toBeGreaterThan(3);
  expect(bytes).toBeLessThanOrEqual(KEPT_BYTES);
  expect((await listOutputs()).sort()).toEqual([...withOutput, open.id].sort());

  expect(await readRun(server, open.id)).toMatchObject({ state: "running" });
  expect(await rawOutput(server, open.id)).toBe("open\n");
  expect(rows("select run_id from output_removals")).toEqual([]);
  expect(rows("select id from executions where run_id not in (select id from runs)")).toEqual([]);
  expect(rows("select count(*) as n from script_texts")).toEqual([{ n: 2 }]);
  await cancelRun(server, open.id);
}, 1_200_000);

test("a plan says what would go and changes nothing; logs of what is gone say so", async () => {
  const runs = await listAll();
  const planned = await deckhand(["retention", "plan", "-o", "json"]);
  expect(JSON.parse(planned.stdout)).toMatchObject({
    applied: false,
    looked: runs.length,
    bytes: 0,
  });
  const oldest = runs.findLast(({ script }) => script?.name === "numbered");
  const logs = await deckhand(["logs", oldest?.id ?? ""]);
  expect(logs.exitCode).not.toBe(0);
  expect(logs.stderr).toContain("retention");
  expect((await listAll()).map(({ id }) => id)).toEqual(runs.map(({ id }) => id));
});

async function find(query: Record<string, string>): Promise<SearchPage> {
  const answer = await insist(`/api/v1/search?${new URLSearchParams(query).toString()}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as SearchPage;
}

const hitsOf = async (query: Record<string, string>) => (await find(query)).data as OutputHit[];

test("what scripts wrote is found by its words, also when the server died before it was indexed", async () => {
  const word = randomUUID();
  const text = `echo "before"; echo "found ${word} here"; echo "and ${word} there" >&2`;
  const ran = await server.run({
    inline: { text, interpreter: "sh" },
    on: [`name=${target.name}`],
  });
  await server.kill("SIGKILL");
  await server.start();
  await expect.poll(() => hitsOf({ q: word }), { timeout: 60_000 }).toHaveLength(2);
  const hits = await hitsOf({ q: `found ${word}` });
  expect(hits).toMatchObject([
    {
      runId: ran.id,
      executionId: onlyExecution(ran).id,
      target: target.name,
      state: "succeeded",
      stream: "stdout",
      line: 2,
      text: `found ${word} here`,
    },
  ]);
  const read = await server.fetch(hits[0]?.url ?? "");
  expect(await read.text()).toContain(word);
  expect(await hitsOf({ q: word, state: "failed" })).toEqual([]);
  expect(await hitsOf({ q: word, target: "another" })).toEqual([]);
  expect(await hitsOf({ q: word, since: "1h", target: target.name })).toHaveLength(2);
  const shown = await deckhand(["search", word, "found"]);
  expect(shown.stdout).toBe(`${ran.id} ${target.name}:2: found ${word} here\n`);
  const scripts = await deckhand(["search", "--in", "scripts", "ECHO", "line"]);
  expect(scripts.stdout).toMatch(/^numbered@1:4: i=0; while/);
});

test("the index follows retention, and what is hidden in output is hidden in it", async () => {
  await expect.poll(async () => (await find({ q: "line" })).pending, { timeout: 60_000 }).toBe(0);
  const runs = new Map<string, Run>();
  let lines = 0;
  for (let after: string | null = ""; after !== null; ) {
    const page: SearchPage = await find({ q: '"line 7"', limit: "200", ...(after && { after }) });
    for (const { runId } of page.data as OutputHit[]) runs.set(runId, await readRun(server, runId));
    lines += page.data.length;
    after = page.next;
  }
  expect(lines).toBe(runs.size);
  const kept = (await listAll()).filter(({ script }) => script?.name === "numbered");
  const withOutput = await Promise.all(kept.map(({ id }) => readRun(server, id)));
  expect([...runs.keys()].sort()).toEqual(
    withOutput
      .filter((run) => !onlyExecution(run).output.expired)
      .map(({ id }) => id)
      .sort(),
  );
  const word = randomUUID();
  const text = `# @deckhand 1\n# @interpreter sh\n# @secret KEY\necho "${word} $KEY"\n`;
  const on = [`name=${target.name}`];
  await server.run({ inline: { text }, on, params: { KEY: "CANARYSEARCH77" } });
  await expect.poll(() => hitsOf({ q: word }), { timeout: 60_000 }).toHaveLength(1);
  expect(JSON.stringify(await hitsOf({ q: word }))).not.toContain("CANARYSEARCH77");
  expect(await hitsOf({ q: "CANARYSEARCH77" })).toEqual([]);
});

test("a hostile search is refused or finds nothing, and never breaks", async () => {
  const hostile = [
    '"',
    "*",
    "a*",
    "NEAR(",
    "text:x",
    "' OR 1=1 --",
    "\0",
    "{}",
    "^a + b",
    "-x",
    "é".repeat(400),
  ];
  for (const q of hostile) {
    const { status } = await server.fetch(
      `/api/v1/search?${new URLSearchParams({ q }).toString()}`,
    );
    expect([q, [200, 400].includes(status)]).toEqual([q, true]);
  }
  const cursor = await server.fetch("/api/v1/search?q=line&after=x");
  expect(await cursor.json()).toMatchObject({ status: 400, code: "CURSOR_INVALID" });
});

test("an export is an archive of script, parameters, outputs and times, without secrets", async () => {
  const header = "#!/bin/sh\n# @deckhand 1\n# @param NAME string\n# @secret KEY\n";
  const text = `${header}echo "hello $NAME"; printf '\\377\\000x'; echo "to stderr" >&2; echo "$KEY" | wc -c\n`;
  const ran = await server.run({
    inline: { text },
    on: [`name=${target.name}`],
    params: { NAME: "o'ne", KEY: "CANARY-EXPORT-1" },
  });
  const file = join(folder, "run.tar.gz");
  const saved = await deckhand(["export", ran.id, "-f", file]);
  expect(saved).toMatchObject({ exitCode: 0 });
  await execFile("tar", ["-xzf", file, "-C", folder]);
  const root = join(folder, ran.id);
  const manifest = JSON.parse(await readFile(join(root, "manifest.json"), "utf8"));
  expect(manifest).toMatchObject({
    format: "deckhand-run",
    script: "script",
    run: { id: ran.id, state: "succeeded", params: { NAME: "o'ne", KEY: "•••" } },
    outputs: [{ target: target.name, complete: true }],
  });
  expect(await readFile(join(root, "script"), "utf8")).toBe(text);
  const output = join(root, manifest.outputs[0].folder);
  const stdout = await readFile(join(output, "stdout"));
  const raw = await server.fetch(`/api/v1/runs/${ran.id}/output/raw?stream=stdout`);
  expect(stdout.equals(Buffer.from(await raw.arrayBuffer()))).toBe(true);
  expect(await readFile(join(output, "stderr"), "utf8")).toBe("to stderr\n");
  const frames = (await readFile(join(output, "frames.jsonl"), "utf8")).trimEnd().split("\n");
  const pieces = frames.map((line) => JSON.parse(line) as OutputFrame);
  const written = pieces
    .filter(({ stream }) => stream === "stdout")
    .map(({ text: words, base64 = "" }) =>
      words === undefined ? Buffer.from(base64, "base64") : Buffer.from(words),
    );
  expect(Buffer.concat(written).equals(stdout)).toBe(true);
  expect(pieces.every(({ at }) => at >= ran.createdAt)).toBe(true);
  const { stdout: found } = await execFile("grep", ["-rc", "CANARY", root]).catch((error) => error);
  expect(found).not.toMatch(/:[1-9]/);
  const again = await deckhand(["export", ran.id, "-f", file]);
  expect(again.stderr).toContain("EEXIST");
  expect((await server.fetch(`/api/v1/runs/run_${"0".repeat(26)}/export`)).status).toBe(404);
});
