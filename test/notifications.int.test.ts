import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Delivery, Notification, Problem, Run, RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { type MailServer, mailServer } from "./support/mail-server.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";
import { type WebhookReceiver, webhookReceiver } from "./support/webhook-receiver.ts";

const LABEL = `notify=${randomBytes(4).toString("hex")}`;
let server: DeckhandServer;
let target: TargetContainer;
let receiver: WebhookReceiver;
let mail: MailServer;

beforeAll(async () => {
  receiver = await webhookReceiver();
  mail = await mailServer();
  target = await targetContainer({ flags: ["--label", LABEL] });
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
    env: {
      DECKHAND_NOTIFICATIONS_PRIVATE_NETWORKS: "127.0.0.0/8, ::1",
      DECKHAND_HTTP_PUBLIC_URL: "https://ops.example.org/",
      NODE_EXTRA_CA_CERTS: mail.certPath,
    },
  });
});

afterAll(async () => {
  await server?.close();
  await target?.remove();
  await receiver?.close();
  await mail?.close();
});

async function ask<Answer>(method: string, path: string, body?: unknown, headers = {}) {
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const answer = await server.fetch(`/api/v1${path}`, init);
  const text = await answer.text();
  return {
    status: answer.status,
    text,
    json: JSON.parse(text || "{}") as Answer,
    headers: answer.headers,
  };
}

async function create(name: string, body: Record<string, unknown>): Promise<Notification> {
  const made = await ask<Notification>("POST", "/notifications", { name, ...body });
  expect([made.status, made.text]).toEqual([201, made.text]);
  return made.json;
}

async function remove({ name, id, version }: Notification): Promise<void> {
  const now = await ask<Notification>("GET", `/notifications/${name}`);
  const tag = now.headers.get("etag") ?? `"${id}.${version}"`;
  const gone = await ask("DELETE", `/notifications/${name}`, undefined, { "if-match": tag });
  expect(gone.status).toBe(204);
}

const webhook = (path: string) => ({
  kind: "webhook",
  url: receiver.url + path,
  secret: receiver.secret,
});
const at = (path: string) => receiver.received.filter((one) => one.path === path);

async function deliveries(name: string, query = ""): Promise<Delivery[]> {
  return (await ask<{ data: Delivery[] }>("GET", `/notifications/${name}/deliveries${query}`)).json
    .data;
}

async function eventually<Value>(
  read: () => Value | Promise<Value>,
  isSo: (value: Value) => boolean,
): Promise<Value> {
  for (const until = performance.now() + 60_000; ; ) {
    const value = await read();
    if (isSo(value)) return value;
    if (performance.now() > until) throw new Error(`it stays ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const exits = (code: number, more: Partial<RunRequestInput> = {}): Promise<Run> =>
  server.run({ inline: { text: `exit ${code}`, interpreter: "sh" }, on: [target.name], ...more });

test("a failed run is told once, signed, with where to read on, and a success is not", async () => {
  const made = await create("failed", { to: webhook("/failed") });
  await exits(0);
  const run = await exits(3, { reason: "OPS-412" });
  const [told] = await eventually(
    () => at("/failed"),
    (all) => all.length > 0,
  );
  expect(told?.isSigned).toBe(true);
  expect(told?.json).toMatchObject({
    type: "run.failed",
    data: {
      id: run.id,
      state: "failed",
      reason: "OPS-412",
      counts: { total: 1, failed: 1 },
      failedTargets: [target.name],
      origin: { kind: "request" },
      url: `https://ops.example.org/api/v1/runs/${run.id}`,
    },
  });
  const [delivery] = await eventually(
    () => deliveries("failed"),
    ([one]) => one?.state === "delivered",
  );
  expect(delivery).toMatchObject({
    id: told?.headers["webhook-id"],
    runId: run.id,
    attempts: 1,
    lastStatus: 204,
    body: told?.json,
  });
  await remove(made);
  expect(at("/failed")).toHaveLength(1);
});

test("only what the rule asks for is told: script, target, and the first success after a failure", async () => {
  const name = `notify/${randomBytes(4).toString("hex")}`;
  const text = '#!/bin/sh\n# @deckhand 1\n# @param CODE int = 0\nexit "$CODE"\n';
  expect((await ask("POST", "/scripts", { path: `${name}.sh`, text })).status).toBe(201);
  const all = [
    await create("by-script", {
      to: webhook("/by-script"),
      tell: { when: ["recovered"], scripts: ["notify/*"] },
    }),
    await create("by-label", {
      to: webhook("/by-label"),
      tell: { when: ["every"], on: [`label=${LABEL}`] },
    }),
    await create("elsewhere", {
      to: webhook("/elsewhere"),
      tell: { when: ["every"], on: ["label=notify=none"] },
    }),
    await create("off", { to: webhook("/off"), tell: { when: ["every"] }, enabled: false }),
  ];
  const run = (code: number) =>
    server.run({ script: name, on: [target.name], params: { CODE: code } });
  for (const code of [0, 1, 0, 0]) await run(code);
  const told = await eventually(
    () => at("/by-label"),
    (seen) => seen.length === 4,
  );
  const types = told.map(({ json }) => json["type"]);
  expect(types.sort()).toEqual(["run.failed", "run.recovered", "run.succeeded", "run.succeeded"]);
  expect(at("/by-script").map(({ json }) => json["type"])).toEqual(["run.recovered"]);
  expect([at("/elsewhere"), at("/off")]).toEqual([[], []]);
  for (const one of all) await remove(one);
});

test("what a receiver did not take is owed under the same id, and a replay sends it at once", async () => {
  const made = await create("retried", { to: webhook("/retried") });
  receiver.answerNext({ status: 503, text: "come back", headers: { "retry-after": "3600" } });
  await exits(1);
  const [owed] = await eventually(
    () => deliveries("retried"),
    ([one]) => one?.attempts === 1,
  );
  expect(owed).toMatchObject({ state: "owed", lastStatus: 503, lastAnswer: "come back" });
  const waitMs = Date.parse(owed?.nextAttemptAt ?? "") - Date.parse(owed?.lastAttemptAt ?? "");
  expect(waitMs).toBe(3_600_000);
  const replayed = await ask<Delivery>(
    "POST",
    `/notifications/retried/deliveries/${owed?.id}/replay`,
  );
  expect(replayed).toMatchObject({ status: 200, json: { state: "delivered", id: owed?.id } });
  expect(new Set(at("/retried").map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  await remove(made);
});

test("after a failure it is tried again by itself, and a connection that breaks is a failure", async () => {
  const made = await create("broken", { to: webhook("/broken") });
  receiver.answerNext(null);
  await exits(1);
  const [told] = await eventually(
    () => deliveries("broken"),
    ([one]) => one?.state === "delivered",
  );
  expect(told).toMatchObject({ attempts: 2, lastStatus: 204 });
  const ids = at("/broken").map(({ headers }) => headers["webhook-id"]);
  expect(ids).toEqual([told?.id, told?.id]);
  await remove(made);
});

test("a receiver that says 410 is told nothing more, until somebody saves the notification anew", async () => {
  const made = await create("gone", { to: webhook("/gone") });
  receiver.answerNext({ status: 410, text: "nobody here" });
  await exits(1);
  const off = await eventually(
    async () => (await ask<Notification>("GET", "/notifications/gone")).json,
    ({ enabled }) => !enabled,
  );
  expect(off).toMatchObject({
    disabledBecause: "The receiver answered 410: nobody here",
    version: 2,
  });
  expect(await deliveries("gone")).toMatchObject([{ state: "given-up", lastStatus: 410 }]);
  await exits(1);
  expect(await deliveries("gone")).toHaveLength(1);
  const again = { to: { kind: "webhook", url: `${receiver.url}/gone` } };
  const saved = await ask<Notification>("PUT", "/notifications/gone", again, {
    "if-match": `"${off.id}.2"`,
  });
  expect(saved.json).toMatchObject({ enabled: true, disabledBecause: null });
  await exits(1);
  await eventually(
    () => at("/gone"),
    (all) => all.length === 2,
  );
  expect(at("/gone").at(-1)?.isSigned).toBe(true);
  await remove(made);
});

test("a redirect is not followed", async () => {
  const made = await create("redirected", { to: webhook("/redirected") });
  receiver.answerNext({ status: 302, headers: { location: `${receiver.url}/elsewhere` } });
  const tested = await ask<Delivery>("POST", "/notifications/redirected/test");
  expect(tested.json).toMatchObject({
    state: "given-up",
    lastStatus: 302,
    lastAnswer: "Redirects are not followed. ",
  });
  expect(at("/elsewhere")).toEqual([]);
  await remove(made);
});

test("a chat gets one text, and its address is shown to nobody", async () => {
  const secret = randomBytes(16).toString("hex");
  const to = {
    kind: "slack",
    url: `${receiver.url}/services/${secret}`,
    text: "{run.title} <!here> {run.state}",
  };
  const made = await create("chat", { to });
  expect(made.to).toEqual({ kind: "slack", host: new URL(receiver.url).host, text: to.text });
  await exits(1, { inline: { text: "exit 1", interpreter: "sh", name: "a<b>.sh" } });
  const path = `/services/${secret}`;
  const [told] = await eventually(
    () => at(path),
    (all) => all.length > 0,
  );
  expect(told?.json).toEqual({ text: "a&lt;b&gt;.sh <!here> failed" });
  const list = await ask("GET", "/notifications");
  const audit = await ask("GET", "/audit?limit=200");
  expect(list.text + audit.text + server.log).not.toContain(secret);
  expect(await filesWith(server.dataDir, secret)).toEqual([]);
  await remove(made);
});

async function filesWith(folder: string, text: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  const found = await Promise.all(paths.map(async (path) => (await readFile(path)).includes(text)));
  return paths.filter((_, index) => found[index]);
}

test("a mail goes over STARTTLS with a password that is kept sealed", async () => {
  const { port, user, password } = mail;
  const smtp = { host: "localhost", port, user, password };
  const body = { kind: "email", smtp, from: "deckhand@example.org", to: ["ops@example.org"] };
  const made = await create("mail", { to: body });
  expect(made.to).toMatchObject({ smtp: { host: "localhost", user, hasPassword: true } });
  const run = await exits(7);
  const [delivery] = await eventually(
    () => deliveries("mail"),
    ([one]) => one?.state !== "owed",
  );
  expect(delivery).toMatchObject({ state: "delivered", lastStatus: 250 });
  const [told] = mail.mails;
  expect(told).toMatchObject({ from: body.from, to: body.to, user, isEncrypted: true });
  expect(told?.source).toContain(`Message-ID: <${delivery?.id}@deckhand>`);
  expect(told?.source).toMatch(/^Subject: \[Deckhand\] inline script: run\.failed\r$/m);
  expect(told?.source).toContain(`https://ops.example.org/api/v1/runs/${run.id}`);
  expect(await filesWith(server.dataDir, password)).toEqual([]);
  const moved = { to: { ...body, smtp: { host: "127.0.0.1", port, user } } };
  const refused = await ask<Problem>("PUT", "/notifications/mail", moved, {
    "if-match": `"${made.id}.1"`,
  });
  expect(refused).toMatchObject({
    status: 400,
    json: { errors: [{ pointer: "/to/smtp/password" }] },
  });
  await remove(made);
});

test("a mail server with another certificate, or a wrong password, is told and gets no mail", async () => {
  const { port, user } = mail;
  const before = mail.mails.length;
  const smtp = { host: "localhost", port, user, password: "wrong" };
  const to = { kind: "email", smtp, from: "deckhand@example.org", to: ["ops@example.org"] };
  const made = await create("mail-2", { to });
  const wrong = await ask<Delivery>("POST", "/notifications/mail-2/test");
  expect(wrong.json).toMatchObject({ state: "given-up", lastStatus: 535 });
  const other = { to: { ...to, smtp: { ...smtp, host: "127.0.0.1" } } };
  await ask("PUT", "/notifications/mail-2", other, { "if-match": `"${made.id}.1"` });
  const tested = await ask<Delivery>("POST", "/notifications/mail-2/test");
  expect(tested.json).toMatchObject({ state: "given-up", lastStatus: null });
  expect(tested.json.lastAnswer).toMatch(/altnames|certificate/i);
  expect(mail.mails).toHaveLength(before);
  await remove(made);
});

test.each([
  [
    "an unknown placeholder",
    { to: { kind: "slack", url: "https://x.example/", text: "{run.tilte}" } },
    400,
    "/to/text",
  ],
  [
    "a webhook without a secret",
    { to: { kind: "webhook", url: "https://x.example/" } },
    400,
    "/to/secret",
  ],
  [
    "a password in the address",
    { to: { kind: "webhook", url: "https://a:b@x.example/" } },
    400,
    "/to/url",
  ],
  ["another scheme", { to: { kind: "slack", url: "file:///etc/passwd" } }, 400, "/to/url"],
  [
    "a password without encryption",
    {
      to: {
        kind: "email",
        smtp: { host: "x", user: "u", password: "p", security: "none" },
        from: "a@example.org",
        to: ["b@example.org"],
      },
    },
    400,
    "/to/smtp/security",
  ],
  [
    "an unknown outcome",
    { to: { kind: "slack", url: "https://x.example/" }, tell: { when: ["exploded"] } },
    400,
    "/tell/when/0",
  ],
])("%s is refused with its place", async (_, body, status, pointer) => {
  const refused = await ask<Problem>("POST", "/notifications", { name: "refused", ...body });
  expect([refused.status, refused.json.errors?.[0]?.pointer]).toEqual([status, pointer]);
});

test("a delivery that is not there, or is another notification's, is unknown", async () => {
  const made = await create("one", { to: webhook("/one") });
  const other = await create("other", { to: webhook("/other") });
  const tested = await ask<Delivery>("POST", "/notifications/one/test");
  expect(tested.json).toMatchObject({
    state: "delivered",
    event: "notification.test",
    runId: null,
  });
  for (const path of [`other/deliveries/${tested.json.id}`, `one/deliveries/dlv_${"0".repeat(26)}`])
    expect((await ask<Problem>("POST", `/notifications/${path}/replay`)).json.code).toBe(
      "DELIVERY_NOT_FOUND",
    );
  await remove(made);
  await remove(other);
});

test("metrics count attempts by kind and result", async () => {
  const text = await (await server.fetch("/metrics")).text();
  expect(text).toMatch(
    /deckhand_notification_attempts_total\{kind="webhook",result="delivered"\} \d+/,
  );
  expect(text).toMatch(/deckhand_notification_attempts_total\{kind="email",result="failed"\} 2/);
});
