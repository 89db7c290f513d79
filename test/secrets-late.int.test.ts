import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Problem, Run, Schedule, Trigger } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandLine } from "../packages/cli/test/support/command-line.ts";
import { canary, holds, readDirectory } from "./support/canary.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { readRun } from "./support/run-requests.ts";
import { hubHeaders } from "./support/sign-message.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";
import { until } from "./support/until.ts";

const SIGNING = randomBytes(20).toString("hex");
const OPEN = "# @param VALUE string";
const SECRET = "# @secret VALUE";
let server: DeckhandServer;
let target: TargetContainer;

beforeAll(async () => {
  target = await targetContainer({});
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    env: { DECKHAND_LOG_LEVEL: "debug" },
  });
});

afterAll(async () => {
  await server?.close();
  await target?.remove();
});

async function ask<Answer>(method: string, path: string, body?: unknown, headers = {}) {
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const answer = await server.fetch(`/api/v1${path}`, init);
  const text = await answer.text();
  return {
    status: answer.status,
    text,
    json: JSON.parse(text || "{}") as Answer,
    tag: answer.headers.get("etag") ?? "",
  };
}

async function expectOk<Answer>(asked: ReturnType<typeof ask<Answer>>): Promise<Answer> {
  const answer = await asked;
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.json;
}

const toText = (declaration: string) =>
  `#!/bin/sh\n# @deckhand 1\n${declaration}\nprintf %s "$VALUE" | md5sum\necho "$VALUE"\n`;

async function createScript(): Promise<string> {
  const name = `late-${randomBytes(4).toString("hex")}`;
  await expectOk(ask("POST", "/scripts", { path: `${name}.sh`, text: toText(OPEN) }));
  return name;
}

async function declare(script: string, declaration: string): Promise<void> {
  const { tag } = await ask("GET", `/scripts/${script}`);
  const text = toText(declaration);
  await expectOk(ask("PUT", `/scripts/${script}`, { text }, { "if-match": tag }));
}

interface Kept {
  readonly name: string;
  readonly body: Record<string, unknown> & { readonly run: Record<string, unknown> };
}

interface Kind {
  readonly path: string;
  readonly command: string;
  readonly rest: Record<string, unknown>;
  /** Starts it; gives the run, or the refusal. */
  start(name: string): Promise<{ readonly runId?: string; readonly problem?: Problem }>;
}

const SCHEDULE: Kind = {
  path: "/schedules",
  command: "schedules",
  rest: { cron: "0 0 29 2 *" },
  start: async (name) => {
    const { status, json } = await ask<Run & Problem>("POST", `/schedules/${name}/run`);
    return status < 300 ? { runId: json.id } : { problem: json };
  },
};
const TRIGGER: Kind = {
  path: "/triggers",
  command: "triggers",
  rest: { source: { kind: "webhook", scheme: "github", secret: SIGNING } },
  start: async (name) => {
    const { json: found } = await ask<Trigger>("GET", `/triggers/${name}`);
    return fire(found.id);
  },
};

/** A message that has not come before. */
async function fire(triggerId: string) {
  const body = JSON.stringify({ at: randomBytes(8).toString("hex") });
  const { status, json } = await ask<{ runId: string } & Problem>(
    "POST",
    `/triggers/${triggerId}/fire`,
    JSON.parse(body),
    hubHeaders(body, SIGNING),
  );
  return status < 300 ? { runId: json.runId } : { problem: json };
}

async function create(kind: Kind, script: string, value: string): Promise<Kept & { id: string }> {
  const name = script;
  const run = { script, on: [`name=${target.name}`], params: { VALUE: value } };
  const body = { ...kind.rest, run };
  const made = await expectOk(ask<Trigger | Schedule>("POST", kind.path, { name, ...body }));
  expect(made.run?.params).toEqual({ VALUE: value });
  return { id: made.id, name, body };
}

const show = (kind: Kind, name: string) => ask<Trigger | Schedule>("GET", `${kind.path}/${name}`);
const database = () => readDirectory(server.dataDir, (name) => name.startsWith("deckhand.db"));
const isInDatabase = async (value: string) => holds(await database(), value);

/** Kills the server, and gives it the time to find its targets again. */
async function restart(meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
  await server.kill();
  await meanwhile();
  await server.start();
  const on = encodeURIComponent(`name=${target.name}`);
  await until(server, async () =>
    (await ask("GET", `/targets?on=${on}`)).text.includes(target.name),
  );
}

/** What was written down of one run. */
function rowsOf(runId: string): string {
  const db = new DatabaseSync(join(server.dataDir, "deckhand.db"), { readOnly: true });
  const rows = [
    ...db.prepare("select * from runs where id = ?").all(runId),
    ...db.prepare("select * from audit where object = ?").all(runId),
  ];
  db.close();
  expect(rows.length).toBeGreaterThan(1);
  return JSON.stringify(rows);
}

/** The script had the value, and nobody else. */
async function expectHidden(runId: string | undefined, value: string): Promise<void> {
  const run = await readRun(server, runId ?? "", "?wait=60s&include=output");
  const md5 = await target.exec("sh", "-c", `printf %s '${value}' | md5sum`);
  const stdout = `${md5.trim()}\n${"*".repeat(Buffer.byteLength(value))}\n`;
  expect(run).toMatchObject({ state: "succeeded", params: { VALUE: "•••" } });
  expect(run.executions[0]?.output.stdout).toBe(stdout);
  expect(holds(JSON.stringify(run) + rowsOf(run.id), value)).toBe(false);
}

describe.each([
  ["trigger", TRIGGER],
  ["schedule", SCHEDULE],
] as const)("a fixed value of a %s whose parameter becomes secret", (noun, kind) => {
  test("is hidden and sealed when somebody looks, and goes on to work", async () => {
    const value = canary();
    const script = await createScript();
    const { name, id, body } = await create(kind, script, value);
    expect(await isInDatabase(value)).toBe(true);
    const before = await show(kind, name);
    await declare(script, SECRET);
    const list = await ask("GET", kind.path);
    expect(holds(list.text, value)).toBe(false);
    const shown = await show(kind, name);
    expect(shown.json.run?.params).toEqual({ VALUE: "•••" });
    expect([shown.tag, holds(shown.text, value)]).toEqual([before.tag, false]);
    expect(await isInDatabase(value)).toBe(false);
    const audit = await ask<{ data: object[] }>("GET", `/audit?object=${name}`);
    expect(audit.json.data[0]).toMatchObject({
      action: `${noun}.write`,
      detail: { verb: "seal", id, version: 1, params: ["VALUE"] },
    });
    const again = { ...body, run: shown.json.run };
    await expectOk(ask("PUT", `${kind.path}/${name}`, again, { "if-match": shown.tag }));
    await restart();
    await expectHidden((await kind.start(name)).runId, value);
    expect(await isInDatabase(value)).toBe(false);
    expect(holds(server.log, value)).toBe(false);
    const cli = await commandLine(server);
    for (const words of [["show", name], ["show", name, "-o", "json"], ["ls"]]) {
      const said = await cli.run([kind.command, ...words]);
      expect([said.exitCode, holds(said.stdout, value)]).toEqual([0, false]);
    }
    await cli.close();
  });

  test("is sealed by a start that comes before anybody looks", async () => {
    const value = canary();
    const script = await createScript();
    const { name, id } = await create(kind, script, value);
    await declare(script, SECRET);
    const started = await (kind === TRIGGER ? fire(id) : kind.start(name));
    await expectHidden(started.runId, value);
    expect(await isInDatabase(value)).toBe(false);
  });

  test("is sealed when the server starts, by a script that became another while it was down", async () => {
    const value = canary();
    const script = await createScript();
    await create(kind, script, value);
    const path = join(server.dataDir, "scripts", `${script}.sh`);
    await restart(() => writeFile(path, toText(SECRET)));
    await until(server, async () => !(await isInDatabase(value)));
  });

  test("stays hidden when the parameter is secret no more: it is refused until it is given anew", async () => {
    const value = canary();
    const script = await createScript();
    const { name, body } = await create(kind, script, value);
    await declare(script, SECRET);
    await show(kind, name);
    await declare(script, OPEN);
    const { problem } = await kind.start(name);
    expect(problem).toMatchObject({
      code: "PARAM_INVALID",
      errors: [{ pointer: "/params/VALUE" }],
    });
    const shown = await show(kind, name);
    expect(shown.json.run?.params).toEqual({ VALUE: "•••" });
    const ifMatch = { "if-match": shown.tag };
    const kept = { ...body, run: shown.json.run };
    const refused = await ask<Problem>("PUT", `${kind.path}/${name}`, kept, ifMatch);
    expect(refused).toMatchObject({
      status: 422,
      json: { errors: [{ pointer: "/run/params/VALUE" }] },
    });
    const other = { ...body, run: { ...body.run, params: { VALUE: "anew" } } };
    const saved = await expectOk(ask<Schedule>("PUT", `${kind.path}/${name}`, other, ifMatch));
    expect(saved.run?.params).toEqual({ VALUE: "anew" });
    expect(holds(refused.text + server.log, value)).toBe(false);
    expect(await isInDatabase(value)).toBe(false);
  });

  test("that is too short to be hidden is refused at the start, and not said", async () => {
    const value = "zq7";
    const script = await createScript();
    const { name } = await create(kind, script, value);
    await declare(script, SECRET);
    const { problem } = await kind.start(name);
    expect(problem?.errors).toEqual([
      { pointer: "/params/VALUE", detail: expect.stringContaining("has 3 characters") as string },
    ]);
    const shown = await show(kind, name);
    const audit = await ask("GET", `/audit?object=${name}`);
    expect(`${JSON.stringify(problem)}${shown.text}${audit.text}`).not.toContain(value);
  });
});

describe("a rerun", () => {
  const request = (script: string, value: string) => ({
    script,
    on: [`name=${target.name}`],
    params: { VALUE: value },
  });

  test("of a run whose parameter was no secret then hides it from now on", async () => {
    const value = canary();
    const script = await createScript();
    const old = await server.run(request(script, value));
    expect(holds(rowsOf(old.id), value)).toBe(true);
    await declare(script, SECRET);
    const again = await expectOk(ask<Run>("POST", `/runs/${old.id}/rerun`, {}));
    await expectHidden(again.id, value);
  });

  test("of a run whose parameter is secret no more does not make its value a plain one", async () => {
    const value = canary();
    const script = await createScript();
    await declare(script, SECRET);
    const old = await server.run(request(script, value));
    await declare(script, OPEN);
    const params = { VALUE: value };
    const refused = await ask<Problem>("POST", `/runs/${old.id}/rerun`, { params });
    expect(refused).toMatchObject({
      status: 422,
      json: { code: "PARAM_INVALID", errors: [{ pointer: "/params/VALUE" }] },
    });
    expect(holds(refused.text, value)).toBe(false);
    expect(await isInDatabase(value)).toBe(false);
  });
});
