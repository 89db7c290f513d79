import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Problem, Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "./support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";

import { readRun, untilState } from "./support/run-requests.ts";

const run = promisify(execFile);

let server: DeckhandServer;
let first: TestContainer;
let second: TestContainer;

beforeAll(async () => {
  const { docker, podman, images } = engines();
  [first, second] = await Promise.all([
    dockerContainer({ name: "runs-a", image: images.busybox, flags: ["--label", "suite=runs"] }),
    dockerContainer({ name: "runs-b", image: images.busybox, flags: ["--label", "suite=runs"] }),
  ]);
  server = await startDeckhandServer({
    engines: [`local=unix://${docker.socketPath}`, `second=unix://${podman.socketPath}`],
  });
});

afterAll(async () => {
  await server?.close();
  await first?.remove();
  await second?.remove();
});

function script(text: string, more: Partial<RunRequestInput> = {}): RunRequestInput {
  return { inline: { text, interpreter: "sh" }, on: [`name=${first.name}`], ...more };
}

function post(path: string, body: unknown, headers = {}): Promise<Response> {
  return server.fetch(path, { method: "POST", body: JSON.stringify(body), headers });
}

async function create(request: RunRequestInput, headers?: Record<string, string>): Promise<Run> {
  const answer = await post("/api/v1/runs", request, headers);
  expect(answer.status, await answer.clone().text()).toBe(201);
  return (await answer.json()) as Run;
}

test("several named engines are seen side by side", async () => {
  const { data } = (await (await server.fetch("/api/v1/engines")).json()) as {
    data: { name: string; state: string; product: string }[];
  };
  expect(data.map(({ name, state, product }) => [name, state, product])).toEqual([
    ["local", "up", "docker"],
    ["second", "up", "podman"],
  ]);
});

test("one answer has the output, exit code, times and what held for the run", async () => {
  const ended = await server.run(script("printf 'out'; echo err >&2; exit 5"));
  expect(ended).toMatchObject({ state: "failed", exitCode: 5, counts: { total: 1, failed: 1 } });
  const [execution] = ended.executions;
  expect(execution?.output).toMatchObject({
    stdout: "out",
    stderr: "err\n",
    stdoutBytes: 3,
    stderrBytes: 4,
    complete: true,
    truncated: false,
  });
  expect(execution?.reason).toEqual({
    code: "exit-code",
    detail: "The script ended with exit code 5.",
  });
  expect(execution?.guarantees).toMatchObject({ way: "guard", durability: "durable" });
  expect(execution?.durationMs).toBeGreaterThanOrEqual(0);
});

test("output beyond the limit is counted and not kept, and the script goes on", async () => {
  const ended = await server.run(
    script("head -c 500000 /dev/zero; echo end >&2", { limits: { outputBytes: 100_000 } }),
  );
  expect(ended.state).toBe("succeeded");
  expect(ended.executions[0]?.output).toMatchObject({
    stdoutBytes: 500_000,
    stderrBytes: 4,
    storedBytes: 100_000,
    truncated: true,
  });
});

test("a timeout ends the script and says so", async () => {
  const ended = await server.run(
    script("echo begun; sleep 60", { limits: { timeout: "300ms", killGrace: "200ms" } }),
  );
  expect(ended).toMatchObject({ state: "timed-out" });
  expect(ended.executions[0]).toMatchObject({
    reason: { code: "deadline" },
    output: { stdout: "begun\n" },
    leftovers: [],
  });
  expect(await first.exec(["sh", "-c", "ps | grep -c '[s]leep 60' || true"])).toBe("0");
});

test("a cancel ends what runs and takes back what waits; a second one is refused in the end", async () => {
  const created = await create(
    script("trap '' TERM; sleep 61 & wait; sleep 61", {
      on: ["label=suite=runs"],
      limits: { killGrace: "200ms" },
    }),
  );
  await untilState(server, created.id, "running");
  const answer = await post(`/api/v1/runs/${created.id}/cancel?wait=20s`, {});
  const cancelled = (await answer.json()) as Run;
  expect(cancelled.state).toBe("cancelled");
  for (const { reason, leftovers } of cancelled.executions) {
    expect([reason?.detail, leftovers]).toEqual(["Cancelled by first.", []]);
  }
  expect((await post(`/api/v1/runs/${created.id}/cancel`, {})).status).toBe(409);
});

test("the same key gives the same run, another request under it is refused", async () => {
  const key = randomBytes(8).toString("hex");
  const created = await create(script("echo once"), { "idempotency-key": key });
  const again = await post("/api/v1/runs", script("echo once"), { "idempotency-key": key });
  expect([
    again.status,
    again.headers.get("idempotency-replayed"),
    ((await again.json()) as Run).id,
  ]).toEqual([200, "true", created.id]);
  const other = await post("/api/v1/runs", script("echo other"), { "idempotency-key": key });
  expect([other.status, ((await other.json()) as Problem).code]).toEqual([
    422,
    "IDEMPOTENCY_MISMATCH",
  ]);
  const racing = await Promise.all(
    Array.from({ length: 8 }, () =>
      post("/api/v1/runs", script("echo race"), { "idempotency-key": `${key}-race` }),
    ),
  );
  expect(
    new Set(await Promise.all(racing.map(async (one) => ((await one.json()) as Run).id))).size,
  ).toBe(1);
});

test("no more than sixteen executions are in one container at once, and all of them end", async () => {
  const runs = await Promise.all(Array.from({ length: 40 }, () => create(script("sleep 0.3"))));
  const spans: (readonly [number, number])[] = [];
  for (const { id } of runs) {
    const ended = await readRun(server, id, "?wait=60s");
    expect(ended.state).toBe("succeeded");
    const { startedAt, finishedAt } = ended.executions[0] ?? {};
    spans.push([Date.parse(startedAt ?? ""), Date.parse(finishedAt ?? "")]);
  }
  const together = spans.map(
    ([from]) => spans.filter(([start, end]) => start <= from && from < end).length,
  );
  expect(Math.max(...together)).toBeGreaterThan(1);
  expect(Math.max(...together)).toBeLessThanOrEqual(16);
});

test("a secret parameter reaches the script and is found nowhere else", async () => {
  const secret = `canary-${randomBytes(12).toString("hex")}`;
  const text =
    '#!/bin/sh\n# @deckhand 1\n# @secret PASSWORD -- of the role\n# @param WHO string\n[ ${#PASSWORD} = 31 ] && echo "for $WHO"\n';
  const request: RunRequestInput = {
    inline: { text },
    on: [`name=${first.name}`],
    params: { PASSWORD: secret, WHO: "me" },
  };
  const ended = await server.run(request);
  expect(ended.executions[0]?.output.stdout).toBe("for me\n");
  expect(ended.params).toEqual({ PASSWORD: "•••", WHO: "me" });
  const refused = await post(`/api/v1/runs/${ended.id}/rerun`, {});
  expect(((await refused.json()) as Problem).code).toBe("PARAM_INVALID");
  const found = await run("grep", ["-rlaF", secret, server.dataDir]).then(
    ({ stdout }) => stdout,
    () => "",
  );
  expect(found).toBe("");
  expect(server.log).not.toContain(secret);
  const audit = await (await server.fetch("/api/v1/audit?limit=200")).text();
  expect(audit).not.toContain(secret);
  expect(audit).toContain(ended.id);
});

test("parameters reach the script as arguments and as facts of a target", async () => {
  const text = [
    "#!/bin/sh",
    ...["# @deckhand 1", "# @args", "# @param TABLE string arg", "# @param FROM target", ""],
    'printf "%s\\n" "$@" "$FROM" "$FROM_CONTAINER_ID" "$FROM_ENGINE"',
  ].join("\n");
  const ended = await server.run({
    inline: { text },
    on: [`name=${first.name}`],
    params: { TABLE: "it's $(one)", FROM: second.name },
    args: ["two"],
  });
  expect(ended.executions[0]?.output.stdout).toBe(
    ["it's $(one)", "two", second.name, second.id, "local", ""].join("\n"),
  );
});

test("run again where it failed starts only there", async () => {
  const ended = await server.run(
    script(`[ "$(hostname)" != "${second.id.slice(0, 12)}" ]`, { on: ["label=suite=runs"] }),
  );
  expect(ended).toMatchObject({ state: "failed", counts: { succeeded: 1, failed: 1 } });
  const again = (await (
    await post(`/api/v1/runs/${ended.id}/rerun?wait=20s`, { only: "failed" })
  ).json()) as Run;
  expect(again.executions.map(({ target }) => target.name)).toEqual([second.name]);
  expect(again.rerunOf).toBe(ended.id);
  expect(again.origin).toEqual({ kind: "rerun", id: ended.id, name: null });
});

test("a run that nothing matches, or too much, is refused with what to do, and nothing is started", async () => {
  const none = (await (
    await post("/api/v1/runs", script("true", { on: ["label=suite=runz"] }))
  ).json()) as Problem;
  expect(none).toMatchObject({ status: 422, code: "NO_TARGET_MATCHED" });
  expect(`${none.detail} ${none.hint}`).toContain("suite=runs");
  const many = (await (
    await post(
      "/api/v1/runs",
      script("true", { on: ["label=suite=runs"], limits: { maxTargets: 1 } }),
    )
  ).json()) as Problem;
  expect(many).toMatchObject({ status: 422, code: "TOO_MANY_TARGETS", matched: 2 });
});

test("after kill -9 what ran has gone on, what waited is started, and nothing is started twice", async () => {
  const running = await create(
    script("echo start >>/tmp/killed; echo before; sleep 6; echo after; exit 4"),
  );
  await untilState(server, running.id, "running");
  await new Promise((resolve) => setTimeout(resolve, 200));
  const busy = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      create(script(`echo ${index} >>/tmp/waited; sleep 1`)),
    ),
  );
  await server.kill("SIGKILL");
  await server.start();
  expect(await readRun(server, running.id, "?wait=20s&include=output")).toMatchObject({
    state: "failed",
    exitCode: 4,
    executions: [{ output: { stdout: "before\nafter\n", complete: true } }],
  });
  for (const { id } of busy)
    expect((await readRun(server, id, "?wait=60s")).state).toBe("succeeded");
  const waited = (await first.exec(["cat", "/tmp/waited"])).trim().split("\n");
  expect(waited.toSorted()).toEqual(busy.map((_, index) => `${index}`).toSorted());
  expect(await first.exec(["cat", "/tmp/killed"])).toBe("start");
});

test("after kill -9 what runs with a secret goes on", async () => {
  const text =
    '# @deckhand 1\n# @secret PASSWORD\n\nsleep 4; printf "%s" "$PASSWORD" | wc -c; echo "$PASSWORD"; exit 3';
  const withSecret = { params: { PASSWORD: "opensesame" } };
  const running = await create(script(text, withSecret));
  await untilState(server, running.id, "running");
  await server.kill("SIGKILL");
  await server.start();
  expect(await readRun(server, running.id, "?wait=20s&include=output")).toMatchObject({
    state: "failed",
    exitCode: 3,
    executions: [{ output: { stdout: "10\n**********\n", complete: true } }],
  });
});

test("after kill -9 what waits with a secret is started with it, and then the secret is forgotten", async () => {
  const busy = await Promise.all(
    Array.from({ length: 16 }, () => create(script("until [ -e /tmp/go ]; do sleep 0.2; done"))),
  );
  const text =
    '# @deckhand 1\n# @secret PASSWORD\n\nprintf \'%s\' "$PASSWORD" | wc -c; echo "it is $PASSWORD"';
  const waiting = await create(script(text, { params: { PASSWORD: "open sesame" } }));
  expect((await readRun(server, waiting.id)).state).toBe("queued");
  expect(await sealedSecrets()).toBe(1);
  await server.kill("SIGKILL");
  await server.start();
  expect((await readRun(server, waiting.id)).state).toBe("queued");
  await first.exec(["touch", "/tmp/go"]);
  expect(await readRun(server, waiting.id, "?wait=60s&include=output")).toMatchObject({
    state: "succeeded",
    executions: [{ output: { stdout: "11\nit is ***********\n" } }],
  });
  expect(await sealedSecrets()).toBe(0);
  for (const { id } of busy) await readRun(server, id, "?wait=60s");
});

test("without its key a secret is not had any more: what waits is refused, and of what runs nothing more is shown", async () => {
  const text =
    "# @deckhand 1\n# @secret PASSWORD\n\necho before; until [ -e /tmp/keyless ]; do sleep 0.2; done; echo $PASSWORD";
  const secretRun = script(text, { params: { PASSWORD: "open sesame" } });
  const running = await Promise.all(Array.from({ length: 16 }, () => create(secretRun)));
  await expect
    .poll(async () => (await readRun(server, running[0]?.id ?? "", "?include=output")).executions, {
      timeout: 60_000,
    })
    .toMatchObject([{ state: "running", output: { stdout: "before\n" } }]);
  const waiting = await create(secretRun);
  await server.kill("SIGKILL");
  await rename(join(server.dataDir, "secrets-key"), join(server.dataDir, "secrets-key.lost"));
  await server.start();
  await first.exec(["touch", "/tmp/keyless"]);
  expect(await readRun(server, running[0]?.id ?? "", "?wait=60s&include=output")).toMatchObject({
    state: "succeeded",
    executions: [{ output: { stdout: "before\n***********\n" } }],
  });
  const refused = await readRun(server, waiting.id, "?wait=60s");
  expect(refused).toMatchObject({
    state: "rejected",
    executions: [{ reason: { code: "secret-forgotten" } }],
  });
  expect(refused.executions[0]?.reason?.detail).toContain("was sealed with another key");
  for (const { id } of running)
    expect((await readRun(server, id, "?wait=60s")).state).toBe("succeeded");
});

/** How many runs the database keeps sealed secrets of. */
async function sealedSecrets(): Promise<number> {
  const { stdout } = await run("node", [
    "-e",
    "const { DatabaseSync } = require('node:sqlite'); console.log(new DatabaseSync(process.argv[1], { readOnly: true }).prepare('select count(*) n from run_secrets').get().n)",
    join(server.dataDir, "deckhand.db"),
  ]);
  return Number(stdout);
}

test("a server that is told to end does so within its time, and the next one has what runs at hand", async () => {
  const running = await create(script("sleep 63"));
  await untilState(server, running.id, "running");
  const following = server
    .fetch(`/api/v1/runs/${running.id}/events`)
    .then((answer) => answer.text(), String);
  const from = performance.now();
  await server.kill("SIGTERM");
  expect(performance.now() - from).toBeLessThan(15_000);
  await following;
  await server.start();
  expect(await readRun(server, running.id)).toMatchObject({ state: "running" });
  await post(`/api/v1/runs/${running.id}/cancel`, {});
  expect(await readRun(server, running.id, "?wait=20s")).toMatchObject({
    state: "cancelled",
    executions: [{ reason: { code: "cancel-requested" }, leftovers: [] }],
  });
});
