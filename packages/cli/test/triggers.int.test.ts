import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Problem, RunSummary, Trigger, TriggerAnswer } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { hubHeaders, standardHeaders } from "../../../test/support/sign-message.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";

let server: DeckhandServer;
let line: CommandLine;
let container: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  container = await dockerContainer({ name: "cli-triggers", image: images.busybox });
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  line = await commandLine(server);
  const text =
    '#!/bin/sh\n# @deckhand 1\n# @param BRANCH string = none\n# @param WHO string = nobody\necho "$BRANCH by $WHO"\n';
  const path = await file("say.sh", text);
  expect((await line.run(["scripts", "put", path, "ci/say.sh"])).exitCode).toBe(0);
});

afterAll(async () => {
  await server?.close();
  await line?.close();
  await container?.remove();
});

const triggers = (...words: string[]) => line.run(["triggers", ...words]);
const here = () => ["--run", "ci/say", "--on", container.name];

async function file(name: string, text: string): Promise<string> {
  const path = join(line.home, name);
  await writeFile(path, text);
  return path;
}

async function read(name: string): Promise<Trigger> {
  return JSON.parse((await triggers("show", name, "-o", "json")).stdout) as Trigger;
}

/** Posts a message as somebody without a token, to where `show` says. */
async function fire(name: string, body: string, headers: Record<string, string>) {
  const [, path = ""] = /^url +(\S+)$/m.exec((await triggers("show", name)).stdout) ?? [];
  const type = { "content-type": "application/json" };
  const init = { method: "POST", body, headers: { ...type, ...headers } };
  const answer = await fetch(new URL(path, server.url), init);
  return { status: answer.status, json: (await answer.json()) as TriggerAnswer & Problem };
}

/** The runs that it started, once there is one. */
async function startedBy(name: string): Promise<RunSummary[]> {
  const asked = await line.run(["runs", "--origin", `trigger/${name}`, "-o", "json"]);
  const { data } = JSON.parse(asked.stdout) as { data: RunSummary[] };
  return data.length > 0 ? data : startedBy(name);
}

test("a webhook is made with a secret that is printed once, and what is signed with it starts the script", async () => {
  const params = ["--map", "BRANCH=/ref", "--param", "WHO=ann", "--limit", "20/1m"];
  const made = await triggers("set", "deploy", "--webhook", "standard", ...here(), ...params);
  expect(made).toMatchObject({
    exitCode: 0,
    stderr:
      "deckhand: made the trigger deploy\ndeckhand: this is the only time that its secret is shown; give it to the sender:\n",
  });
  const [secret = ""] = made.stdout.split("\n").slice(-2);
  expect(secret).toMatch(/^whsec_\S{44}$/);
  const shown = await triggers("show", "deploy");
  expect(shown.stdout).toMatch(/^runs +ci\/say$/m);
  expect(shown.stdout).toMatch(/^map +BRANCH=\/ref$/m);
  expect(shown.stdout).toMatch(/^limit +20 in 1m$/m);
  expect(shown.stdout).not.toContain("whsec_");
  expect((await triggers("ls")).stdout).toMatch(/^deploy +webhook, standard +ci\/say +dh-test-/m);

  const body = '{"ref":"main"}';
  const headers = standardHeaders(body, { secret });
  const fired = await fire("deploy", body, headers);
  expect(fired).toMatchObject({ status: 201, json: { replayed: false } });
  const runId = `${fired.json.runId}`;
  expect(await line.run(["watch", runId])).toMatchObject({ exitCode: 0, stdout: "main by ann\n" });
  expect((await startedBy("deploy")).map(({ id }) => id)).toEqual([runId]);
  expect(await fire("deploy", body, headers)).toMatchObject({ status: 200, json: { runId } });
  expect((await fire("deploy", `${body} `, headers)).status).toBe(401);

  expect((await triggers("rm", "deploy")).exitCode).toBe(0);
  expect((await triggers("show", "deploy")).exitCode).toBe(66);
});

test("a new secret takes the place of the old one, and what is not given stays, also that it is off", async () => {
  const first = `whsec_${randomBytes(32).toString("base64")}`;
  const second = `whsec_${randomBytes(32).toString("base64")}`;
  const hook = ["--webhook", "standard", ...here(), "--param", "WHO=bob", "--cooldown", "1s"];
  const withSecret = async (name: string, secret: string) => [
    "--secret-file",
    await file(name, `${secret}\n`),
  ];
  const made = await triggers("set", "rotated", ...hook, ...(await withSecret("first", first)));
  expect(made.stdout).not.toContain("whsec_");
  const send = (secret: string) => fire("rotated", "{}", standardHeaders("{}", { secret }));
  expect((await send(first)).status).toBe(201);
  const rotated = await triggers("set", "rotated", ...(await withSecret("second", second)));
  expect(rotated).toMatchObject({ exitCode: 0, stderr: "deckhand: changed the trigger rotated\n" });
  expect([(await send(first)).status, (await send(second)).status]).toEqual([401, 201]);

  const { run } = await read("rotated");
  await triggers("set", "rotated", "--disable");
  await triggers("set", "rotated", "--description", "not now");
  expect((await triggers("ls")).stdout).toMatch(/^rotated .* disabled +not now$/m);
  expect((await send(second)).status).toBe(401);
  await triggers("set", "rotated", "--enable");
  expect((await send(second)).status).toBe(201);
  expect(await read("rotated")).toMatchObject({ run, enabled: true, description: "not now" });
  await triggers("rm", "rotated");
});

test("what GitHub sends starts it for one branch only", async () => {
  const secret = randomBytes(20).toString("hex");
  const path = await file("github", secret);
  const only = ["--only-if", "/ref=main", "--only-if", "/ref=next", "--map", "WHO=/by"];
  const made = ["set", "push", "--webhook", "github", "--secret-file", path, ...here(), ...only];
  expect((await triggers(...made)).stdout).toContain("only if  /ref=main|next\n");
  const send = async (body: string) => (await fire("push", body, hubHeaders(body, secret))).json;
  expect(await send('{"ref":"topic","by":"eve"}')).toMatchObject({ runId: null });
  const { runId } = await send('{"ref":"next","by":"ann"}');
  expect((await line.run(["watch", `${runId}`])).stdout).toBe("none by ann\n");
  await triggers("rm", "push");
});

test("what happens to a container starts it in that container", async () => {
  const event = ["--event", "start", "--event", "oom", "--when", container.name, "--scope", "self"];
  const made = await triggers("set", "started", ...event, "--cooldown", "10m", "--run", "ci/say");
  expect(made.stdout).toMatch(/^source +start oom of \S+\ncooldown 10m\nruns +ci\/say, self$/m);
  expect((await triggers("ls")).stdout).toMatch(/^started +start oom of \S+ .* where it happened/m);
  await container.act("restart", "--time", "0");
  const [started] = await startedBy("started");
  expect((await line.run(["watch", `${started?.id}`])).stdout).toBe("none by nobody\n");
  await triggers("rm", "started");
});

test("the whole of one may be given as a file, and what only that can say stays", async () => {
  const secret = randomBytes(20).toString("hex");
  const source = { kind: "webhook", scheme: "github", secret, tolerance: "1h" };
  const run = { script: "ci/say@1", on: [container.name], retry: { attempts: 3 } };
  const whole = async (body: object) =>
    triggers("set", "whole", "--file", await file("trigger.json", JSON.stringify(body)));
  const refused = await whole({ source, run: { ...run, timeout: "1s" } });
  expect(refused).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("/run/timeout") });
  expect((await whole({ source, run })).exitCode).toBe(0);
  await triggers("set", "whole", "--webhook", "github", "--limit", "5/1h");
  expect(await read("whole")).toMatchObject({
    source: { scheme: "github", tolerance: "1h" },
    run: { script: "ci/say@1", retry: { attempts: 3 } },
    limit: { count: 5, per: "1h" },
  });
  await triggers("rm", "whole");
});

const HOOK = ["--webhook", "standard", "--run", "ci/say", "--on", "none"];

test.each([
  [["set", "x", "--run", "ci/say", "--on", "y"], 64, "it is not said what starts it"],
  [["set", "x", "--webhook", "standard", "--event", "die"], 64, "a trigger has one source"],
  [["set", "x", "--event", "die", "--run", "ci/say"], 64, "it is not said whose events count"],
  [["set", "x", "--webhook", "standard", "--on", "y"], 64, "it is not said what is run"],
  [["set", "x", ...HOOK, "--map", "BRANCH"], 64, '"BRANCH" has no ='],
  [["set", "x", ...HOOK, "--map", "BRANHC=/ref"], 64, "did you mean BRANCH?"],
  [["set", "x", ...HOOK, "--limit", "often"], 64, '"often" is no limit'],
  [["set", "x", ...HOOK, "--secret-file", "/none"], 64, "/none can not be read (ENOENT)"],
  [["set", "x", ...HOOK, "--scope", "self"], 64, "/run/scope"],
  [["set", "x", "--webhook", "gitlab", "--run", "ci/say", "--on", "y"], 64, "/source/scheme"],
  [["set", "x", "--webhook", "standard", "--run", "ci/none", "--on", "y"], 66, "ci/none"],
  [["set", "x", ...HOOK, "--enable", "--disable"], 64, "cannot be used with option"],
  [["show", "none"], 66, "none"],
  [["rm", "none"], 66, "none"],
])("%j exits %i: %s", async (words, exitCode, said) => {
  const refused = await triggers(...words);
  expect(refused).toMatchObject({ exitCode, stdout: "" });
  expect(refused.stderr).toMatch(/^deckhand: /);
  expect(refused.stderr).toContain(said);
});
