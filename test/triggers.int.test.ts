import { randomBytes } from "node:crypto";
import type { Problem, Run, RunPage, Trigger, TriggerAnswer } from "@deckhand/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podmanHealthcheck } from "../packages/server/src/engines/testing/engine-command.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { readRun } from "./support/run-requests.ts";
import { hubHeaders, standardHeaders } from "./support/sign-message.ts";
import {
  type EngineName,
  type TargetContainer,
  targetContainer,
} from "./support/target-container.ts";
import { until } from "./support/until.ts";

const MARK = randomBytes(4).toString("hex");
const SECRET = `whsec_${randomBytes(32).toString("base64")}`;
const HUB_SECRET = randomBytes(20).toString("hex");
const SCRIPT = `trigger/say-${MARK}`;
const TEXT = `#!/bin/sh
# @deckhand 1
# @param BRANCH string = none
# @param COUNT int(1..9) = 1
# @param WHO string = nobody
# @secret KEY?
echo "$BRANCH $COUNT $WHO"
env | grep -c stowaway
exit 0
`;
let server: DeckhandServer;
let target: TargetContainer;

beforeAll(async () => {
  target = await targetContainer({ flags: ["--label", `trigger-run=${MARK}`] });
  const { docker, podman } = engines();
  server = await startDeckhandServer({
    engines: [`docker=unix://${docker.socketPath}`, `podman=unix://${podman.socketPath}`],
  });
  const made = await ask("POST", "/scripts", { path: `${SCRIPT}.sh`, text: TEXT });
  expect(made.status, made.text).toBe(201);
});

afterAll(async () => {
  await server?.close();
  await target?.remove();
});

async function ask<Answer>(method: string, path: string, body?: unknown, headers = {}) {
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const answer = await server.fetch(`/api/v1${path}`, init);
  const text = await answer.text();
  return { status: answer.status, text, json: JSON.parse(text || "{}") as Answer };
}

const here = { on: [`label=trigger-run=${MARK}`] };

async function create(name: string, body: Record<string, unknown>): Promise<Trigger> {
  const made = await ask<Trigger>("POST", "/triggers", { name, ...body });
  expect([made.status, made.text]).toEqual([201, made.text]);
  return made.json;
}

async function remove({ name }: Trigger): Promise<void> {
  const { json } = await ask<Trigger>("GET", `/triggers/${name}`);
  const tag = `"${json.id}.${json.version}"`;
  expect((await ask("DELETE", `/triggers/${name}`, undefined, { "if-match": tag })).status).toBe(
    204,
  );
}

/** As a stranger: with no token. */
async function fire(trigger: Pick<Trigger, "id">, body: string, headers: Record<string, string>) {
  const url = `${server.url}/api/v1/triggers/${trigger.id}/fire`;
  const answer = await fetch(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, text, json: JSON.parse(text) as TriggerAnswer & Problem };
}

const standard = (body: string, more: { id?: string; atMs?: number } = {}) =>
  standardHeaders(body, { secret: SECRET, ...more });

async function startedBy(name: string): Promise<Run[]> {
  const { json } = await ask<RunPage>("GET", `/runs?origin=trigger/${name}&limit=200`);
  return Promise.all(json.data.map(({ id }) => readRun(server, id, "?wait=60s&include=output")));
}

describe("a webhook", () => {
  test("with a good signature starts the script with what it maps, and nothing else of the body gets there", async () => {
    const run = {
      script: `${SCRIPT}@1`,
      ...here,
      params: { WHO: "ann" },
      map: { BRANCH: "/ref", COUNT: "/n" },
    };
    const made = await create("standard", { source: { kind: "webhook", secret: SECRET }, run });
    expect(JSON.stringify(made)).not.toContain(SECRET.slice(6));
    expect(made.source).toMatchObject({ url: `/api/v1/triggers/${made.id}/fire` });
    const body = JSON.stringify({ ref: "$(touch /tmp/owned) 'ü\"", n: 7, stowaway: "stowaway" });
    const fired = await fire(made, body, standard(body));
    expect(fired).toMatchObject({ status: 201, json: { replayed: false } });
    const [started] = await startedBy("standard");
    expect(started).toMatchObject({
      id: fired.json.runId,
      origin: { kind: "trigger", id: made.id, name: "standard" },
      by: { name: expect.any(String) as string },
      state: "succeeded",
    });
    expect(started?.executions[0]?.output.stdout).toBe("$(touch /tmp/owned) 'ü\" 7 ann\n0\n");
    await remove(made);
    expect((await fire(made, body, standard(body))).status).toBe(401);
  });

  test("that comes again, also after the server was killed, starts nothing and names the run that it has started", async () => {
    const made = await create("again", {
      source: { kind: "webhook", secret: SECRET },
      run: { script: SCRIPT, ...here },
    });
    const headers = standard("{}");
    const first = await fire(made, "{}", headers);
    await server.kill();
    await server.start();
    const later = await Promise.all([1, 2, 3].map(() => fire(made, "{}", headers)));
    for (const one of later)
      expect(one).toMatchObject({ status: 200, json: { runId: first.json.runId, replayed: true } });
    const together = standard("{}");
    const both = await Promise.all([1, 2, 3, 4].map(() => fire(made, "{}", together)));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    expect(new Set(both.map(({ json }) => json.runId)).size).toBe(1);
    expect(await startedBy("again")).toHaveLength(2);
    await remove(made);
  });

  test("of GitHub is known by its bytes, whatever else comes with it, and starts only what is wanted", async () => {
    const made = await create("github", {
      source: { kind: "webhook", scheme: "github", secret: HUB_SECRET },
      run: { script: SCRIPT, ...here, map: { BRANCH: "/ref" } },
      onlyIf: { "/ref": ["refs/heads/main", "refs/heads/next"] },
    });
    const body = '{"ref":"refs/heads/main","after":"c0ffee"}';
    const headers = hubHeaders(body, HUB_SECRET);
    const first = await fire(made, body, { ...headers, "x-github-delivery": "1" });
    expect(first.status).toBe(201);
    const again = await fire(made, body, { ...headers, "x-github-delivery": "2" });
    expect(again).toMatchObject({ status: 200, json: { runId: first.json.runId, replayed: true } });
    const ping = '{"zen":"Keep it logically awesome."}';
    const skipped = await fire(made, ping, hubHeaders(ping, HUB_SECRET));
    expect(skipped).toMatchObject({ status: 200, json: { runId: null, replayed: false } });
    expect((await fire(made, body, hubHeaders(body, "other"))).status).toBe(401);
    await remove(made);
  });

  test("that is not signed as it has to be is refused alike, whatever is wrong", async () => {
    const run = { script: SCRIPT, ...here };
    const made = await create("refused", { source: { kind: "webhook", secret: SECRET }, run });
    const off = await create("off", {
      source: { kind: "webhook", secret: SECRET },
      run,
      enabled: false,
    });
    const events = await create("events", {
      source: { kind: "container", events: ["start"], on: ["name=none"] },
      run,
    });
    const good = standard("{}");
    const refused = await Promise.all([
      fire(made, "{}", {}),
      fire(made, "{} ", good),
      fire(made, "{}", { ...good, "webhook-id": "other" }),
      fire(made, "{}", standard("{}", { atMs: Date.now() - 600_000 })),
      fire(
        made,
        "{}",
        standardHeaders("{}", { secret: `whsec_${Buffer.alloc(32).toString("base64")}` }),
      ),
      fire({ id: `trg_${"0".repeat(26)}` }, "{}", good),
      fire(off, "{}", standard("{}")),
      fire(events, "{}", standard("{}")),
    ]);
    const told = refused.map(({ status, json: { requestId: _, ...rest } }) =>
      JSON.stringify([status, rest]),
    );
    expect(new Set(told).size).toBe(1);
    expect(refused[0]?.json.code).toBe("SIGNATURE_INVALID");
    expect(await startedBy("refused")).toEqual([]);
    for (const one of [made, off, events]) await remove(one);
  });

  test("whose values do not fit the script is told which, and may come again when that is mended", async () => {
    const made = await create("typed", {
      source: { kind: "webhook", secret: SECRET },
      run: { script: SCRIPT, ...here, map: { COUNT: "/n" } },
    });
    const send = async (body: string) => fire(made, body, standard(body, { id: "msg_typed" }));
    expect((await send('{"n":12}')).json).toMatchObject({
      code: "PARAM_INVALID",
      errors: [{ pointer: "/params/COUNT" }],
    });
    expect((await send('{"n":{"x":1}}')).json).toMatchObject({
      code: "PARAM_INVALID",
      errors: [{ pointer: "/params/COUNT" }],
    });
    expect((await send("{")).json.code).toBe("BODY_INVALID");
    expect((await send('{"n":3}')).status).toBe(201);
    const audit = await ask<{ data: { detail: { code?: string } }[] }>(
      "GET",
      "/audit?action=trigger.fire&object=typed",
    );
    expect(audit.json.data.map(({ detail }) => detail.code)).toEqual([
      "PARAM_INVALID",
      "PARAM_INVALID",
    ]);
    await remove(made);
  });

  test("comes too often: the limit answers with the time to wait; a replay costs nothing, nor does what starts nothing", async () => {
    const made = await create("limited", {
      source: { kind: "webhook", secret: SECRET },
      run: { script: SCRIPT, ...here },
      onlyIf: { "/wanted": ["true"] },
      limit: { count: 2, per: "1h" },
    });
    const send = (body: string, headers = standard(body)) => fire(made, body, headers);
    const wanted = '{"wanted":true}';
    const first = standard(wanted);
    for (const status of [201, 200]) expect(await send(wanted, first)).toMatchObject({ status });
    for (const status of [200, 200]) expect(await send("{}")).toMatchObject({ status });
    for (const status of [201, 429]) expect(await send(wanted)).toMatchObject({ status });
    expect(await send(wanted, first)).toMatchObject({ status: 200 });
    await remove(made);
  });

  test("can be any bytes: no answer is a fault of ours, and nothing runs", async () => {
    const made = await create("hostile", {
      source: { kind: "webhook", secret: SECRET },
      run: { script: SCRIPT, ...here, map: { BRANCH: "/ref", COUNT: "/n/0" } },
      onlyIf: { "/never": ["x"] },
    });
    const deep = "[".repeat(200_000);
    const bodies = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.json(),
      fc.constantFrom(
        "",
        "null",
        "[]",
        deep,
        `{"__proto__":${"[".repeat(5_000)}`,
        '{"ref":"\\ud800"}',
        '{"__proto__":{"never":"x"}}',
        "\ufeff{}",
      ),
    );
    const isSigned = fc.boolean();
    const type = fc.constantFrom(
      "application/json",
      "text/plain",
      "application/x-www-form-urlencoded",
      "",
      'a/b; charset="x',
    );
    await fc.assert(
      fc.asyncProperty(bodies, isSigned, type, async (body, signed, contentType) => {
        const headers: Record<string, string> = signed ? standard(body.toWellFormed()) : {};
        const { status } = await fire(made, body.toWellFormed(), {
          ...headers,
          "content-type": contentType,
        });
        expect([200, 400, 401, 415, 429]).toContain(status);
      }),
      { numRuns: 30 },
    );
    expect(await startedBy("hostile")).toEqual([]);
    const large = "x".repeat(2 * 1024 * 1024);
    expect((await fire(made, large, standard(large))).status).toBe(413);
    await remove(made);
  });

  test.each([
    ["a script that is not there", { script: "none/such" }, 404, undefined],
    ["a parameter that it does not have", { map: { BRANHC: "/ref" } }, 422, "/run/map/BRANHC"],
    ["a secret in clear", { params: { KEY: "x" } }, 422, "/run/params/KEY"],
    ["a value twice", { params: { WHO: "x" }, map: { WHO: "/x" } }, 422, "/run/map/WHO"],
    ["all of the body", { map: { WHO: "" } }, 400, "/run/map/WHO"],
    ["a scope without a container", { scope: "self" }, 400, "/run/scope"],
    ["no target", { on: [] }, 400, "/run/on"],
    ["an inline script", { inline: { text: "id" } }, 400, "/run/inline"],
  ])("%s is refused when the trigger is made", async (_, change, status, pointer) => {
    const run = { script: SCRIPT, ...here, ...change };
    const body = { name: "wrong", source: { kind: "webhook", secret: SECRET }, run };
    const refused = await ask<Problem>("POST", "/triggers", body);
    expect([refused.status, refused.json.errors?.[0]?.pointer]).toEqual([status, pointer]);
  });
});

describe.each<EngineName>(["docker", "podman"])("what happens to a container of %s", (engine) => {
  test("starts the script once for each event, in a sibling of the same project only", async () => {
    const flags = (label: string, project: string) => [
      ...["--label", `${label}=${MARK}`],
      ...["--label", `com.docker.compose.project=${project}-${MARK}`],
    ];
    const sibling = await targetContainer({ engine, flags: flags("sibling", "one") });
    const other = await targetContainer({ engine, flags: flags("sibling", "two") });
    const name = `life-${engine}`;
    const on = [`label=watched=${MARK},engine=${engine}`];
    const made = await create(name, {
      source: { kind: "container", events: ["die", "start"], on, cooldown: "0s" },
      run: {
        script: SCRIPT,
        on: [`label=sibling=${MARK}`],
        scope: "project",
        map: { BRANCH: "/event", WHO: "/container/name" },
      },
    });
    const watched = await targetContainer({ engine, flags: flags("watched", "one") });
    const comes = (count: number) =>
      until(server, async () => (await startedBy(name)).length === count);
    await comes(1);
    for (const round of [1, 2]) {
      await watched.act("kill");
      await comes(round * 2);
      await watched.act("start");
      await comes(round * 2 + 1);
    }
    const runs = await startedBy(name);
    const places = runs.flatMap(({ executions }) => executions.map((one) => one.target.name));
    expect(places).toEqual(Array(5).fill(sibling.name));
    const said = runs.map(({ executions }) => executions[0]?.output.stdout?.split("\n")[0]);
    const events = ["die", "die", "start", "start", "start"];
    expect(said.sort()).toEqual(events.map((event) => `${event} 1 ${watched.name}`));
    await remove(made);
    for (const one of [sibling, other, watched]) await one.remove();
  });

  test("starts the script in itself when it becomes unhealthy, and no more often than the cooldown allows", async () => {
    const label = ["--label", `ill=${MARK}`];
    const check = ["--health-cmd", "test ! -e /tmp/ill", "--health-interval", "1s"];
    const on = [`label=ill=${MARK},engine=${engine}`];
    const run = { script: SCRIPT, scope: "self" };
    const onEvent = (event: string, cooldown: string) =>
      create(`${event}-${engine}`, {
        source: { kind: "container", events: [event], on, cooldown },
        run,
      });
    const triggers = [await onEvent("healthy", "0s"), await onEvent("unhealthy", "1h")];
    const watched = await targetContainer({
      engine,
      flags: [...label, ...check, "--health-retries", "1"],
    });
    const comes = (event: string, count: number) =>
      until(server, async () => {
        if (engine === "podman") await podmanHealthcheck(engines().podman.socketPath, watched.name);
        return (await startedBy(`${event}-${engine}`)).length === count;
      });
    const before = limited(await metrics());
    await comes("healthy", 1);
    await watched.exec("touch", "/tmp/ill");
    await comes("unhealthy", 1);
    await watched.exec("rm", "/tmp/ill");
    await comes("healthy", 2);
    await watched.exec("touch", "/tmp/ill");
    await until(server, async () => {
      if (engine === "podman") await podmanHealthcheck(engines().podman.socketPath, watched.name);
      return limited(await metrics()) > before;
    });
    const runs = await startedBy(`unhealthy-${engine}`);
    const places = runs.map(({ executions }) => executions.map((one) => one.target.name));
    expect(places).toEqual([[watched.name]]);
    for (const one of triggers) await remove(one);
    await watched.remove();
  });
});

async function metrics(): Promise<string> {
  return (await server.fetch("/metrics")).text();
}

function limited(text: string): number {
  return Number(/kind="container",outcome="limited"\} (\d+)/.exec(text)?.[1] ?? 0);
}

test("runs of ours are no event: a trigger on every start and end of its own target starts nothing by them", async () => {
  const made = await create("own", {
    source: {
      kind: "container",
      events: ["start", "die", "oom", "unhealthy", "healthy"],
      on: [`name=${target.name}`],
      cooldown: "0s",
    },
    run: { script: SCRIPT, scope: "self" },
  });
  for (let round = 0; round < 3; round++) await server.run({ script: SCRIPT, on: [target.name] });
  expect(await startedBy("own")).toEqual([]);
  await remove(made);
});
