import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { atOnce } from "./support/at-once.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { NASTY_SCRIPTS, type NastyScript } from "./support/nasty-scripts.ts";
import {
  describeProcess,
  isGuards,
  newSince,
  processesInside,
} from "./support/processes-inside.ts";
import {
  cancelRun,
  onlyExecution,
  readRun,
  startAndSee,
  startRun,
} from "./support/run-requests.ts";
import {
  type OpenCommand,
  type TargetContainer,
  targetContainer,
} from "./support/target-container.ts";

/** How often every script is run in each of three ways; 13 rounds are the promise's 500 runs. */
const ROUNDS = Number(process.env.DECKHAND_ROUNDS ?? 1);
const KEEP_LOGS = process.env.DECKHAND_KEEP_LOGS;
const AT_ONCE = 4;

const ENDS = ["by itself", "cancelled", "timed out"] as const;
type End = (typeof ENDS)[number];

const READY = "ready to accept connections";
/** What PostgreSQL says when it takes a child that it never started for a crashed backend. */
const CRASH =
  /terminated by signal|terminating any other active server processes|reinitializing|exited with exit code (?![01]\b)/;

/** Looks at PID 1's children until its input ends; then says how often it looked and which names it saw. */
const WATCH_CHILDREN = `
import json, os, select, sys
looks, seen = 0, {}
print("watching", flush=True)
sys.stdin.readline()
while not select.select([sys.stdin], [], [], 0.003)[0]:
    looks += 1
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{pid}/stat").read()
        except OSError:
            continue
        end = stat.rindex(")")
        if stat[end + 2:].split()[1] == "1":
            name = stat[stat.index("(") + 1:end]
            seen[name] = seen.get(name, 0) + 1
print(json.dumps({"looks": looks, "seen": seen}), flush=True)
`;

interface Database {
  readonly container: TargetContainer;
  /** A client that stays connected all the time. */
  readonly client: OpenCommand;
}

const made: TargetContainer[] = [];
let server: DeckhandServer;
let oursInShort: readonly string[] = ["(was not run)"];

beforeAll(async () => {
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  for (const container of made) await container.remove();
});

/** PostgreSQL as PID 1, which tells of every child that it started and of every one that it reaped. */
async function database(): Promise<Database> {
  const container = await targetContainer({
    image: engines().images.postgres,
    flags: ["--env", "POSTGRES_PASSWORD=x"],
    command: ["postgres", "-c", "autovacuum=off", "-c", "log_min_messages=debug2"],
  });
  made.push(container);
  await expect.poll(() => container.log(), { timeout: 60_000, interval: 300 }).toContain(READY);
  const psql = ["psql", "-U", "postgres", "-qAt"];
  return { container, client: container.open("postgres", ...psql) };
}

const WHO = "select pg_backend_pid(), pg_postmaster_start_time();";

test(
  "a database as PID 1 does not notice what scripts leave behind, kill and ignore, however they end",
  async () => {
    const { container, client } = await database();
    const connectedTo = await client.ask(WHO);
    const on = [`name=${container.name}`];
    await server.run({ inline: { text: "true", interpreter: "sh" }, on });
    const before = await processesInside(container);
    const watch = container.open("postgres", "python3", "-c", WATCH_CHILDREN);
    expect(await watch.ask("")).toBe("watching");

    const plan = Array.from({ length: ROUNDS }, () =>
      Object.entries(NASTY_SCRIPTS).flatMap(([name, script]) =>
        ENDS.map((end) => ({ name, script, end })),
      ),
    ).flat();
    const from = performance.now();
    await atOnce(AT_ONCE, plan, async ({ name, script, end }) => {
      const ended = await runNasty(script, on, end);
      const context = `${name}, ${end}: ${JSON.stringify(onlyExecution(ended))}`;
      expect(ended.state, context).toBe(expectedState(script, end));
      const { exitCode, signal, guarantees, leftovers } = onlyExecution(ended);
      expect(guarantees, context).toMatchObject({ way: "guard", stop: "tree" });
      expect(leftovers, context).toEqual([]);
      if (end === "by itself") {
        expect(signal, context).toBe(script.signal ?? null);
        if (!script.signal) expect(exitCode, context).toBe(script.exitCode ?? 0);
      }
    });
    const tookMs = performance.now() - from;

    const { looks, seen } = JSON.parse((await watch.end()).at(-1) ?? "") as {
      looks: number;
      seen: Record<string, number>;
    };
    expect(Object.keys(seen), "PID 1 has children that are not its own").toEqual(["postgres"]);
    expect(looks).toBeGreaterThan(plan.length);
    expect(await client.ask(WHO), "the client that was connected all the time").toBe(connectedTo);
    const left = async () =>
      newSince(before, await processesInside(container))
        .filter(({ command }) => command !== "postgres")
        .map(describeProcess);
    // A few run-inits wait for another script, for a while.
    await expect.poll(left, { timeout: 20_000 }).toEqual([]);
    expect(before.filter(isGuards).length).toBeGreaterThan(0);

    const log = await container.log();
    await keepLog("ours.log", log);
    oursInShort = inShort(log);
    expect(crashLines(log)).toEqual([]);
    expect(strangersReaped(log)).toEqual([]);
    await client.end();
    console.log(
      `${plan.length} runs of ${Object.keys(NASTY_SCRIPTS).length} scripts in ${Math.round(tookMs / 1000)} s: ` +
        `0 crashes, PostgreSQL reaped 0 processes that it had not started; ` +
        `PID 1's children were looked at ${looks} times and were ${JSON.stringify(seen)}`,
    );
  },
  120_000 + ROUNDS * 60_000,
);

/** The script's parent looks after it; that one's parent is the guard. */
const KILLERS: Readonly<Record<string, string>> = {
  "whoever looks after it": "kill -9 $PPID",
  "the guard": "read -r pid name state guard rest </proc/$PPID/stat; kill -9 $guard",
};

for (const [whom, text] of Object.entries(KILLERS)) {
  test(`a database as PID 1 does not notice a script that kills ${whom}, what then runs is ended or named, and the next run goes its way`, async () => {
    const { container, client } = await database();
    const connectedTo = await client.ask(WHO);
    const on = [`name=${container.name}`];
    const inline = {
      text: `(setsid sleep 900 &); sleep 900 & sleep 0.1; ${text}; sleep 900`,
      interpreter: "sh",
    };
    const ended = onlyExecution(await server.run({ inline, on, limits: { timeout: "30s" } }));
    expect(ended.state, JSON.stringify(ended)).toMatch(/^(lost|failed)$/);
    const next = await server.run({ inline: { text: "echo next", interpreter: "sh" }, on });
    expect(onlyExecution(next)).toMatchObject({
      state: "succeeded",
      output: { stdout: "next\n" },
      guarantees: { way: "guard" },
    });
    const named = new Set(ended.leftovers.map(({ pid }) => pid));
    const hidden = async () =>
      (await processesInside(container))
        .filter(({ pid, command }) => command === "sleep" && !named.has(pid))
        .map(describeProcess);
    await expect.poll(hidden, { timeout: 10_000 }).toEqual([]);
    expect(await client.ask(WHO), "the client that was connected all the time").toBe(connectedTo);
    expect(crashLines(await container.log())).toEqual([]);
    await client.end();
    console.log(`killed ${whom}: ${ended.state}, ${ended.reason?.detail} Left: ${named.size}`);
  });
}

test("the same scripts by docker exec throw every client out of the database", async () => {
  const { container, client } = await database();
  const connectedTo = await client.ask(WHO);
  await atOnce(AT_ONCE, Object.values(NASTY_SCRIPTS), (script) =>
    container.exec("timeout", "10", "sh", "-c", `${script.text}\n${script.end ?? ""}`),
  );
  await expect
    .poll(() => container.log())
    .toContain("all server processes terminated; reinitializing");
  expect(await client.end(WHO), "the client that was connected").not.toContain(connectedTo);
  const log = await container.log();
  await keepLog("docker-exec.log", log);
  const theirs = inShort(log);
  const terminating = "terminating any other active server processes";
  const crashes = messages(log).filter((line) => line.includes(terminating)).length;
  expect(crashes).toBeGreaterThan(0);
  const strangers = strangersReaped(log).length;
  expect(strangers).toBeGreaterThan(0);
  console.log(
    `the same ${Object.keys(NASTY_SCRIPTS).length} scripts once by docker exec: ${crashes} crashes, PostgreSQL reaped ${strangers} processes that it had not started\n${sideBySide(oursInShort, theirs)}`,
  );
});

async function runNasty(script: NastyScript, on: string[], end: End): Promise<Run> {
  const rest = end === "by itself" ? (script.end ?? "") : "while :; do sleep 900; done";
  const inline = { text: `${script.text}\necho ready\n${rest}`, interpreter: "sh" };
  const killGrace = "200ms";
  if (end === "cancelled") {
    const { id } = await startAndSee(server, { inline, on, limits: { killGrace } }, "ready");
    return cancelRun(server, id);
  }
  const timeout = end === "timed out" ? "1200ms" : "60s";
  const { id } = await startRun(server, { inline, on, limits: { timeout, killGrace } });
  return readRun(server, id, "?wait=60s");
}

function expectedState(script: NastyScript, end: End): string {
  if (end !== "by itself") return end === "cancelled" ? "cancelled" : "timed-out";
  return script.exitCode || script.signal ? "failed" : "succeeded";
}

/** The pids that PostgreSQL reaped and had not started. */
function strangersReaped(log: string): readonly string[] {
  const started = new Set(pidsIn(log, /forked new backend, pid=(\d+)/g));
  expect(started.size, "PostgreSQL told whom it started").toBeGreaterThan(0);
  return pidsIn(log, /server process \(PID (\d+)\)/g).filter((pid) => !started.has(pid));
}

function pidsIn(log: string, pattern: RegExp): readonly string[] {
  return [...log.matchAll(pattern)].map(([, pid]) => pid ?? "");
}

/** What an administrator would read from the first connection on, without times. */
function messages(log: string): readonly string[] {
  return log
    .slice(log.indexOf(READY))
    .split("\n")
    .slice(1)
    .filter((line) => /\] (LOG|WARNING|ERROR|FATAL|PANIC): /.test(line))
    .map((line) => line.replace(/^.*?\] /, ""));
}

function crashLines(log: string): readonly string[] {
  return messages(log).filter((line) => CRASH.test(line));
}

function inShort(log: string): readonly string[] {
  const first = messages(log)
    .slice(0, 10)
    .map((line) => line.replace(/PID \d+/, "PID …"));
  return first.length > 0 ? first : ["(nothing)"];
}

function sideBySide(ours: readonly string[], theirs: readonly string[]): string {
  const width = 24;
  const left = ["Deckhand", "--------", ...ours];
  const right = ["docker exec", "-----------", ...theirs];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, index) =>
    `${(left[index] ?? "").slice(0, width).padEnd(width)}  ${(right[index] ?? "").slice(0, 100)}`.trimEnd(),
  ).join("\n");
}

async function keepLog(file: string, log: string): Promise<void> {
  if (!KEEP_LOGS) return;
  await mkdir(KEEP_LOGS, { recursive: true });
  const readable = log.split("\n").filter((line) => !line.includes("] DEBUG: "));
  await writeFile(join(KEEP_LOGS, file), readable.join("\n"));
}
