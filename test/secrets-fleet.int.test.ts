import { randomBytes, randomUUID } from "node:crypto";
import type { Run, RunPage, RunRequestInput, SearchPage, Trigger } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  canary,
  holds,
  readDirectory,
  readExport,
  SAYS_ALL,
  watchProcesses,
} from "./support/canary.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { readRun } from "./support/run-requests.ts";
import { hubHeaders, standardHeaders } from "./support/sign-message.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";
import { until } from "./support/until.ts";
import { type WebhookReceiver, webhookReceiver } from "./support/webhook-receiver.ts";

const MARK = randomBytes(4).toString("hex");
const STORED = "fleet/asked";
let server: DeckhandServer;
let targets: TargetContainer[];
let watched: TargetContainer;
let receiver: WebhookReceiver;

beforeAll(async () => {
  const flags = ["--label", `canary-fleet=${MARK}`];
  [watched, ...targets] = await Promise.all([
    targetContainer({}),
    targetContainer({ flags }),
    targetContainer({ flags }),
  ]);
  receiver = await webhookReceiver();
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    env: {
      DECKHAND_LOG_LEVEL: "debug",
      DECKHAND_NOTIFICATIONS_PRIVATE_NETWORKS: "127.0.0.0/8",
    },
  });
  const { url, secret } = receiver;
  const to = { kind: "webhook", url, secret };
  await expectOk(ask("POST", "/notifications", { name: "all", to, tell: { when: ["every"] } }));
});

afterAll(async () => {
  await server?.close();
  await receiver?.close();
  await Promise.all([...(targets ?? []), watched].map((one) => one?.remove()));
});

async function ask<Answer>(method: string, path: string, body?: unknown, headers = {}) {
  const text = typeof body === "string" ? body : body && JSON.stringify(body);
  const init = { method, headers, ...(text !== undefined && { body: text as string }) };
  const answer = await server.fetch(`/api/v1${path}`, init);
  const said = await answer.text();
  return { status: answer.status, text: said, json: parse(said) as Answer };
}

function parse(text: string): unknown {
  return text.startsWith("{") ? JSON.parse(text) : {};
}

async function expectOk<Answer>(asked: ReturnType<typeof ask<Answer>>): Promise<Answer> {
  const { status, text, json } = await asked;
  expect(status, text).toBeLessThan(300);
  return json;
}

/** What is planted, how the script declares it, and how a run that is kept somewhere gets it. */
interface Planted {
  readonly kind: "secret" | "shown";
  readonly value: string;
  readonly script: string;
  readonly kept: Pick<RunRequestInput, "params" | "secrets">;
}

const on = [`label=canary-fleet=${MARK}`];
const one = () => [`name=${targets[0]?.name}`];

async function plant(kind: Planted["kind"]): Promise<Planted> {
  const value = canary();
  const declaration = kind === "secret" ? "# @secret VALUE" : "# @param VALUE string";
  const how = "# @param HOW choice(well|ill) = well";
  const text = `#!/bin/sh\n# @deckhand 1\n${declaration}\n${how}\nprintf %s "$VALUE" >/tmp/kept\n${SAYS_ALL}\n[ "$HOW" = well ]\n`;
  await expectOk(ask("POST", "/scripts", { path: `${kind}.sh`, text }));
  await expectOk(ask("PUT", `/secrets/${encodeURIComponent(STORED)}`, { value }));
  const kept = kind === "secret" ? { secrets: { VALUE: STORED } } : { params: { VALUE: value } };
  return { kind, value, script: kind, kept };
}

const toKey = (value: string) => `whsec_${Buffer.from(value).toString("base64")}`;

/** A webhook with a fixed value, one that maps a message's, and one on a container's start. */
async function createTriggers({ kind, value, script, kept }: Planted) {
  const create = (name: string, source: object, run: object) =>
    expectOk(ask<Trigger>("POST", "/triggers", { name: `${kind}-${name}`, source, run }));
  return {
    fixed: await create(
      "fixed",
      { kind: "webhook", secret: toKey(value) },
      { script, on: one(), ...kept },
    ),
    mapped: await create(
      "mapped",
      { kind: "webhook", scheme: "github", secret: value },
      { script, on: one(), map: { VALUE: "/password" } },
    ),
    event: await create(
      "event",
      { kind: "container", events: ["start"], on: [`name=${watched.name}`], cooldown: "0s" },
      { script, on: one(), ...kept },
    ),
  };
}

interface Answered {
  readonly status: number;
  readonly text: string;
}

/** Signed messages, each answered by a start. */
async function fireAll(
  { value }: Planted,
  { fixed, mapped }: Awaited<ReturnType<typeof createTriggers>>,
): Promise<readonly Answered[]> {
  const password = JSON.stringify({ password: value });
  const send = ({ id }: Trigger, body: string, headers: Record<string, string>) =>
    ask<{ runId: string }>("POST", `/triggers/${id}/fire`, body, headers);
  const first = await send(mapped, password, hubHeaders(password, value));
  const again = await send(mapped, password, hubHeaders(password, value));
  const started = await send(fixed, "{}", standardHeaders("{}", { secret: toKey(value) }));
  await watched.act("restart", "--time", "0");
  expect([first, again, started].map(({ status }) => status)).toEqual([201, 200, 201]);
  const wrong = [`{"password":"${value}`, JSON.stringify({ password: { deep: value } })];
  const refused = [JSON.stringify({ password: [value] }), ...wrong].map((body) =>
    send(mapped, body, hubHeaders(body, value)),
  );
  return [first, again, started, ...(await Promise.all(refused))];
}

/** Everything that can be wrong around a value, as whoever sends it is told. */
async function ask422({ value, script, kept }: Planted): Promise<readonly Answered[]> {
  const run = { script, on: one(), ...kept };
  const twice = { script, on: one(), params: { VALUE: value }, secrets: { VALUE: STORED } };
  const misplaced = { script, on: one(), secrets: { VALUE: value } };
  const deep = { script, on: one(), params: { VALUE: { deep: value } } };
  const source = { kind: "webhook", secret: `${toKey(value)}!` };
  return Promise.all([
    ...[twice, misplaced, deep].flatMap((body) => [
      ask("POST", "/runs", body),
      ask("POST", "/schedules", { name: "wrong", cron: "@daily", run: body }),
      ask("POST", "/triggers", { name: "wrong", source: { kind: "webhook" }, run: body }),
    ]),
    ask("POST", "/triggers", { name: "wrong", source, run }),
    ask("PUT", "/secrets/wrong", `{"value": "${value.slice(5, 29)}" oops}`),
    ask("PUT", "/secrets/wrong", `{"value": ${value.slice(5, 29)}}`),
    ask("PUT", "/secrets/wrong", { value: [value] }),
  ]);
}

/** Runs that are tried again, made once by a key, and rolled out behind a probe that says what it finds. */
async function runAll({ value, script }: Planted): Promise<readonly Run[]> {
  const given = { script, on: one(), params: { VALUE: value } };
  const start = (body: object, headers = {}) => expectOk(ask<Run>("POST", "/runs", body, headers));
  const key = { "idempotency-key": randomUUID() };
  const keyed = await start(given, key);
  expect((await start(given, key)).id).toBe(keyed.id);
  const another = await ask("POST", "/runs", { ...given, user: "other" }, key);
  expect([another.status, holds(another.text, value)]).toEqual([422, false]);
  const ill = { ...given.params, HOW: "ill" };
  const others = await Promise.all([
    start({ ...given, params: ill, retry: { attempts: 2, backoff: "0s" } }),
    start({
      ...given,
      on,
      rollout: {
        canary: 1,
        health: { probe: { text: "echo looked; cat /tmp/kept; exit 1" }, timeout: "2s" },
      },
    }),
  ]);
  return [keyed, ...others];
}

/** Waits for all that a trigger or a rerun started as well. */
async function endAll(script: string, count: number): Promise<readonly Run[]> {
  const list = async () =>
    (await expectOk(ask<RunPage>("GET", `/runs?script=${script}&limit=200`))).data;
  await until(server, async () => (await list()).length === count);
  return Promise.all(
    (await list()).map(({ id }) => readRun(server, id, "?wait=60s&include=output")),
  );
}

async function search(words: string): Promise<SearchPage> {
  const path = `/search?q=${encodeURIComponent(words)}&in=output&in=scripts&limit=200`;
  return expectOk(ask<SearchPage>("GET", path));
}

/** Everything that can be read afterwards, by the name of the place. */
async function readPlaces({ kind, value }: Planted, runs: readonly Run[]) {
  const gets = (paths: readonly string[]) =>
    Promise.all(paths.map(async (path) => (await ask("GET", path)).text)).then((all) =>
      all.join("\n"),
    );
  const of = (suffix: string) => runs.map(({ id }) => `/runs/${id}${suffix}`);
  const isDatabase = (name: string) => name.startsWith("deckhand.db");
  const isSearch = (name: string) => name.startsWith("search.db");
  return {
    database: await readDirectory(server.dataDir, isDatabase),
    "the search's database": await readDirectory(server.dataDir, isSearch),
    "other files": await readDirectory(
      server.dataDir,
      (name) => !isDatabase(name) && !isSearch(name),
    ),
    "what is searched": JSON.stringify((await search(value.slice(5, 29))).data),
    "runs and their gates": await gets(of("")),
    "output and its groups": await gets([...of("/output/raw"), ...of("/output/same")]),
    "streams of events": await gets(of("/events")),
    "exported runs": Buffer.concat(await Promise.all(runs.map(({ id }) => readExport(server, id)))),
    triggers: await gets(["/triggers", `/triggers/${kind}-fixed`]),
    "lists, audit and deliveries": await gets([
      ...["/runs?limit=200", "/audit?limit=1000", "/schedules", "/secrets", "/notifications"],
      "/notifications/all/deliveries?limit=200",
    ]),
    metrics: await (await server.fetch("/metrics")).text(),
    "the server's log": server.log,
    "what was told": receiver.received.map(({ text }) => text).join("\n"),
  };
}

async function findIn(planted: Planted): Promise<readonly string[]> {
  const processes = watchProcesses();
  const triggers = await createTriggers(planted);
  const answers = await fireAll(planted, triggers);
  const runs = await runAll(planted);
  const refused = await ask422(planted);
  expect(refused.filter(({ status }) => status < 400 || status >= 500)).toEqual([]);
  const { runId } = JSON.parse(answers[2]?.text ?? "{}") as { runId: string };
  await expectOk(ask("POST", `/runs/${runId}/rerun`, {}));
  const params = { VALUE: planted.value };
  await expectOk(ask("POST", `/runs/${runs[0]?.id}/rerun`, { params }));
  const ended = await endAll(planted.script, 3 + runs.length + 2);
  const states = ended.map(({ state }) => state).toSorted();
  expect(states).toEqual(["failed", "skipped", ...Array(6).fill("succeeded")]);
  const [gate] = ended.flatMap(({ rollout }) => rollout?.gates ?? []);
  expect(gate?.detail).toContain("the probe ended with exit code 1");
  expect(holds(gate?.detail ?? "", planted.value)).toBe(planted.kind === "shown");
  const hits = () => search("said");
  await until(server, async () => (await hits()).pending === 0);
  const places = {
    ...(await readPlaces(planted, ended)),
    "answers to messages": answers.map(({ text }) => text).join("\n"),
    "refused requests": refused.map(({ text }) => text).join("\n"),
    "the list of processes": await processes.stop(),
  };
  const found = Object.entries(places).filter(([, text]) => holds(text, planted.value));
  return found.map(([name]) => name);
}

test("a secret of triggers, retries, reruns and rollouts is found nowhere, and what is none is found", async () => {
  expect(await findIn(await plant("secret"))).toEqual([]);
  expect(await findIn(await plant("shown"))).toEqual([
    "database",
    "the search's database",
    "other files",
    "what is searched",
    "runs and their gates",
    "output and its groups",
    "streams of events",
    "exported runs",
    "triggers",
    // A list of runs says why a rollout stopped.
    "lists, audit and deliveries",
  ]);
}, 240_000);

test("what a receiver repeats of its own secret is hidden", async () => {
  const echo = await webhookReceiver();
  const word = randomBytes(16).toString("hex");
  const url = `${echo.url}/services/${word}`;
  const mine = toKey(canary());
  const said = [mine, mine.slice(6), url, word];
  const answer = { status: 500, text: `do you mean ${said.join(" or ")}?` };
  for (const [name, to] of [
    ["echo-webhook", { kind: "webhook", url: echo.url, secret: mine }],
    ["echo-chat", { kind: "slack", url }],
  ] as const) {
    await expectOk(ask("POST", "/notifications", { name, to, tell: { when: ["lost"] } }));
    echo.answerNext(answer);
    const tested = await expectOk(
      ask<{ lastAnswer: string }>("POST", `/notifications/${name}/test`, {}),
    );
    expect(tested.lastAnswer).toMatch(/^do you mean .*\*{16}/);
    const own = to.kind === "webhook" ? mine.slice(6) : word;
    expect(tested.lastAnswer).not.toContain(own);
  }
  await echo.close();
}, 60_000);
