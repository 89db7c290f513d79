import { request } from "node:http";
import type { Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  canary,
  holds,
  readDirectory,
  readExport,
  SAYS_ALL,
  watchProcesses,
} from "./support/canary.ts";
import { docker, dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";

let server: DeckhandServer;
let container: TestContainer;

beforeAll(async () => {
  const { docker: engine, images } = engines();
  container = await dockerContainer({ name: "canary", image: images.busybox });
  server = await startDeckhandServer({
    engines: [`local=unix://${engine.socketPath}`],
    env: { DECKHAND_LOG_LEVEL: "debug" },
  });
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
});

/** What the engine knows of the execs of the container. */
async function inspectExecs(): Promise<string> {
  const { ExecIDs } = JSON.parse(await engineGet(`/containers/${container.id}/json`)) as {
    readonly ExecIDs: readonly string[] | null;
  };
  return (await Promise.all((ExecIDs ?? []).map((id) => engineGet(`/exec/${id}/json`)))).join("\n");
}

function engineGet(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath: engines().docker.socketPath, path }, (answer) => {
      let text = "";
      answer.on("data", (bytes: Buffer) => {
        text += bytes.toString();
      });
      answer.on("end", () => resolve(text));
    })
      .on("error", reject)
      .end();
  });
}

async function get(path: string): Promise<string> {
  return (await server.fetch(path)).text();
}

async function post(path: string, body: unknown, method = "POST"): Promise<Response> {
  return server.fetch(path, { method, body: JSON.stringify(body) });
}

const SECRET_SCRIPT = `#!/bin/sh\n# @deckhand 1\n# @secret VALUE from=canary/declared\n${SAYS_ALL}\n`;

/** Every way in which a value comes to a script, as a request. */
function waysIn(value: string): readonly RunRequestInput[] {
  const on = [`name=${container.name}`];
  const declared = { inline: { text: SECRET_SCRIPT }, on };
  const free = { inline: { text: `${SAYS_ALL}\n`, interpreter: "sh" }, on };
  return [
    { ...declared, params: { VALUE: value } },
    { ...declared, secrets: { VALUE: "canary/asked" } },
    declared,
    { ...free, secrets: { VALUE: "canary/asked" } },
  ];
}

/** A schedule that is due once a year, and is started now. */
async function runScheduled(value: string): Promise<Run> {
  const body = {
    name: "canary",
    cron: "0 0 29 2 *",
    overlap: "allow",
    run: {
      inline: { text: SECRET_SCRIPT },
      on: [`name=${container.name}`],
      params: { VALUE: value },
    },
  };
  await expectOk(post("/api/v1/schedules", body));
  return (await expectOk(post("/api/v1/schedules/canary/run", {}))) as Run;
}

/** Who is told, with the secrets that telling takes; nothing of what the tests do is told. */
async function storeReceivers(value: string): Promise<void> {
  const webhook = {
    kind: "webhook",
    url: "https://hooks.invalid/canary",
    secret: `whsec_${Buffer.from(value).toString("base64")}`,
  };
  const email = {
    kind: "email",
    smtp: { host: "smtp.invalid", user: "ann", password: value },
    from: "deckhand@example.org",
    to: ["ann@example.org"],
  };
  for (const to of [webhook, email])
    await expectOk(
      post("/api/v1/notifications", { name: `canary-${to.kind}`, to, tell: { when: ["lost"] } }),
    );
}

async function expectOk(answer: Promise<Response>): Promise<unknown> {
  const response = await answer;
  const text = await response.text();
  expect(response.ok, text).toBe(true);
  return JSON.parse(text);
}

/** Everything that can be read afterwards, by the name of the place. */
async function readPlaces(runs: readonly Run[], sinceSeconds: number) {
  const answers = runs.flatMap(({ id }) => [
    `/api/v1/runs/${id}?include=output`,
    `/api/v1/runs/${id}/output`,
    `/api/v1/runs/${id}/output/raw`,
  ]);
  const lists = ["runs", "audit?limit=200", "secrets", "schedules", "notifications"];
  const others = [
    ...lists.map((list) => `/api/v1/${list}`),
    "/api/v1/schedules/canary",
    "/api/v1/schedules/canary/history",
    "/api/v1/notifications/canary-email",
    "/metrics",
  ];
  const until = Math.ceil(Date.now() / 1000) + 1;
  const isDatabase = (name: string) => name.startsWith("deckhand.db");
  return {
    database: await readDirectory(server.dataDir, isDatabase),
    "output and other files": await readDirectory(server.dataDir, (name) => !isDatabase(name)),
    "the server's log": server.log,
    "streams of events": (
      await Promise.all(runs.map(({ id }) => get(`/api/v1/runs/${id}/events`)))
    ).join("\n"),
    "answers of the API": (await Promise.all([...answers, ...others].map(get))).join("\n"),
    "exported runs": Buffer.concat(await Promise.all(runs.map(({ id }) => readExport(server, id)))),
    "events of the engine": await docker(
      "events",
      ...["--since", `${sinceSeconds}`, "--until", `${until}`],
      ...["--filter", `container=${container.name}`],
      ...["--format", "{{json .}}"],
    ),
  };
}

test("a secret comes in by every way, is printed in every way, and is found nowhere", async () => {
  const value = canary();
  const sinceSeconds = Math.floor(Date.now() / 1000) - 1;
  for (const name of ["canary/asked", "canary/declared"])
    await expectOk(post(`/api/v1/secrets/${encodeURIComponent(name)}`, { value }, "PUT"));
  await storeReceivers(value);
  const processes = watchProcesses();
  const started = await Promise.all([
    ...waysIn(value).map(async (wanted) => (await expectOk(post("/api/v1/runs", wanted))) as Run),
    runScheduled(value),
  ]);
  await expect
    .poll(async () => (await get(`/api/v1/runs/${started[0]?.id}/output/raw`)).length, {
      timeout: 30_000,
    })
    .toBeGreaterThan(100);
  const whileRunning = await readPlaces([], sinceSeconds);
  const execs = await inspectExecs();
  const ended = await Promise.all(
    started.map(
      async ({ id }) => JSON.parse(await get(`/api/v1/runs/${id}?wait=60s&include=output`)) as Run,
    ),
  );
  for (const { state, executions } of ended) {
    expect([state, executions[0]?.reason]).toEqual(["succeeded", expect.anything()]);
    expect(executions[0]?.output.stdout).toMatch(/^\*+\n[\s\S]*\nsaid\n$/);
    expect(executions[0]?.output.stderr).toMatch(/^error: \*+\n$/);
  }
  const again = await post(`/api/v1/runs/${ended[1]?.id}/rerun?wait=60s`, {});
  expect(((await again.json()) as Run).state).toBe("succeeded");
  const places = {
    ...(await readPlaces(ended, sinceSeconds)),
    ...Object.fromEntries(
      Object.entries(whileRunning).map(([name, text]) => [`${name}, while it ran`, text]),
    ),
    "execs as the engine knows them": execs,
    "the list of processes": await processes.stop(),
  };
  const found = Object.entries(places).filter(([, text]) => holds(text, value));
  expect(found.map(([name]) => name)).toEqual([]);
}, 180_000);

test("a value that is no secret is found in each of these places: the search can find", async () => {
  const value = canary();
  const sinceSeconds = Math.floor(Date.now() / 1000) - 1;
  const processes = watchProcesses();
  const shown = server.run({
    inline: { text: `${SAYS_ALL}\n`, interpreter: "sh" },
    on: [`name=${container.name}`],
    params: { VALUE: value },
  });
  const own = value.slice(5, 29);
  await server.fetch("/api/v1/info", { headers: { "x-request-id": own } });
  const exec = docker("exec", container.name, "sh", "-c", "sleep 2; : $0", value);
  await expect.poll(inspectExecs, { timeout: 30_000 }).toContain("sleep 2; : $0");
  const execs = await inspectExecs();
  await exec;
  const ended = await shown;
  await expect.poll(() => server.log).toContain(own);
  const places = {
    ...(await readPlaces([ended], sinceSeconds)),
    "execs as the engine knows them": execs,
    "the list of processes": await processes.stop(),
  };
  const missed = Object.entries(places).filter(([, text]) => !holds(text, value));
  expect(missed.map(([name]) => name)).toEqual([]);
}, 180_000);
