import { once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";
import type { Problem } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sendEvents } from "../src/http/server-sent-events.ts";
import { sendRaw } from "./support/raw-http.ts";
import { startTestApp, type TestApp } from "./support/test-app.ts";

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp({
    limits: { headersTimeoutMs: 500, bodyBytes: 1000, connections: 20, followers: 2 },
    routes: [
      (app) =>
        app.get("/events", { config: { action: "run.read" } }, (_request, reply) => {
          sendEvents(reply, async function* (signal) {
            yield { event: "run", data: {} };
            await once(signal, "abort");
          });
        }),
    ],
  });
});
afterAll(() => server.close());

const small = { "content-type": "application/json" };

test("headers that arrive too slowly end the connection with 408", async () => {
  const answer = await sendRaw(
    server.port,
    `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n`,
  );
  expect(answer.status).toBe(408);
  expect(JSON.parse(answer.body)).toMatchObject({ code: "REQUEST_INVALID", status: 408 });
  expect(answer.tookMs).toBeLessThan(3_000);
});

test("a connection that says nothing is ended", async () => {
  const answer = await sendRaw(server.port, "");
  expect(answer.tookMs).toBeLessThan(3_000);
});

test("a body above the limit is refused before it is read", async () => {
  const answer = await server.fetch("/api/v1/tokens", {
    method: "POST",
    headers: small,
    body: `{"name":"${"x".repeat(1000)}"}`,
  });
  expect([answer.status, ((await answer.json()) as Problem).code]).toEqual([413, "BODY_TOO_LARGE"]);
  const announced = await sendRaw(
    server.port,
    `POST /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${server.token}\r\n` +
      "Content-Type: application/json\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n",
  );
  expect(announced.status).toBe(413);
});

test("a body in chunks above the limit is refused too", async () => {
  const chunk = `400\r\n${"x".repeat(1024)}\r\n`;
  const answer = await sendRaw(
    server.port,
    `POST /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${server.token}\r\n` +
      `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk}${chunk}0\r\n\r\n`,
  );
  expect(answer.status).toBe(413);
});

test("headers that are too large are refused with 431", async () => {
  const answer = await sendRaw(
    server.port,
    `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
  );
  expect(answer.status).toBe(431);
  expect(answer.headers["content-type"]).toContain("problem+json");
});

test("bytes that are no HTTP are refused with 400", async () => {
  for (const text of [
    "\u0016\u0003\u0001\r\n\r\n",
    "GET\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
  ]) {
    const answer = await sendRaw(server.port, text);
    expect(answer.status).toBe(400);
  }
});

test("connections beyond the limit are closed, and the others go on", async () => {
  const sockets = Array.from({ length: 30 }, () =>
    connect({ port: server.port, host: "127.0.0.1" }),
  );
  for (const socket of sockets) socket.on("error", () => undefined);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const closed = sockets.filter((socket) => socket.destroyed || socket.readableEnded).length;
  expect(closed).toBeGreaterThanOrEqual(10);
  for (const socket of sockets) socket.destroy();
  await expect
    .poll(async () => (await fetch(`${server.url}/healthz`).catch(() => undefined))?.status)
    .toBe(200);
});

test("event streams beyond the limit are refused, and one that closes makes room", async () => {
  const open = async () => {
    const controller = new AbortController();
    return { controller, answer: await server.fetch("/events", { signal: controller.signal }) };
  };
  const first = await open();
  const second = await open();
  const third = await open();
  expect([first, second, third].map(({ answer }) => answer.status)).toEqual([200, 200, 429]);
  first.controller.abort();
  await expect.poll(async () => (await open()).answer.status).toBe(200);
});

test("a server that closes lets what is under way end, refuses what is new, and does not wait for idle connections", async () => {
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const closing = await startTestApp({
    routes: [
      (app) =>
        app.get("/slow", { config: { action: "run.read" } }, async () => {
          entered.resolve();
          await gate.promise;
          return "done";
        }),
    ],
  });
  await closing.fetch("/healthz");
  const silent = connect({ port: closing.port, host: "127.0.0.1" });
  silent.on("error", () => undefined);
  await once(silent, "connect");
  const slow = closing.fetch("/slow");
  await entered.promise;
  const startedMs = performance.now();
  const closed = closing.close();
  setTimeout(() => gate.resolve(), 200);
  expect(await (await slow).text()).toBe("done");
  await closed;
  expect(performance.now() - startedMs).toBeLessThan(3_000);
});

test("a server that closes cuts a reader that does not read, after a grace time", async () => {
  const closing = await startTestApp({
    routes: [
      (app) =>
        app.get("/large", { config: { action: "run.read" } }, (_request, reply) =>
          reply
            .type("application/octet-stream")
            .send(Readable.from(Array.from({ length: 1_000 }, () => Buffer.alloc(64 * 1024)))),
        ),
    ],
  });
  const stalled = connect({ port: closing.port, host: "127.0.0.1" });
  stalled.on("error", () => undefined);
  stalled.write(
    `GET /large HTTP/1.1\r\nHost: 127.0.0.1:${closing.port}\r\nAuthorization: Bearer ${closing.token}\r\n\r\n`,
  );
  await once(stalled, "readable");
  const startedMs = performance.now();
  await closing.close();
  const tookMs = performance.now() - startedMs;
  expect([tookMs > 3_500, tookMs < 9_500]).toEqual([true, true]);
  stalled.destroy();
});
