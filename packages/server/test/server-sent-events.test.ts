import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import {
  type SendEventsOptions,
  type ServerSentEvent,
  sendEvents,
} from "../src/http/server-sent-events.ts";
import { startTestApp, type TestApp } from "./support/test-app.ts";

let server: TestApp | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(
  start: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>,
  options: SendEventsOptions = {},
) {
  server = await startTestApp({
    routes: [
      (app) =>
        app.get("/events", { config: { action: "run.read" } }, (_request, reply) => {
          sendEvents(reply, start, options);
        }),
    ],
  });
  return server;
}

test("events arrive in order, with ids where they have one, and the stream ends with them", async () => {
  const { fetch } = await serve(async function* () {
    yield { event: "run", data: { text: "a\nb" } };
    yield { event: "output", id: 7, data: "é" };
  });
  const answer = await fetch("/events");
  expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(answer.headers.get("cache-control")).toBe("no-store, no-transform");
  expect(answer.headers.get("x-accel-buffering")).toBe("no");
  expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await answer.text()).toBe(
    'retry: 2000\n\nevent: run\ndata: {"text":"a\\nb"}\n\nid: 7\nevent: output\ndata: "é"\n\n',
  );
});

test("a quiet stream sends pings", async () => {
  const { fetch } = await serve(
    async function* () {
      await new Promise((resolve) => setTimeout(resolve, 120));
      yield { event: "end", data: 1 };
    },
    { pingMs: 30 },
  );
  const text = await (await fetch("/events")).text();
  expect(text.match(/: ping/g)?.length).toBeGreaterThanOrEqual(2);
});

test("a reader that leaves ends what produces its events", async () => {
  const ended = Promise.withResolvers<void>();
  const { fetch } = await serve(async function* (signal) {
    try {
      yield { event: "run", data: 1 };
      await once(signal, "abort");
    } finally {
      ended.resolve();
    }
  });
  const controller = new AbortController();
  await fetch("/events", { signal: controller.signal });
  controller.abort();
  await ended.promise;
});

test("all streams end when the server closes", async () => {
  const app = await serve(async function* (signal) {
    yield { event: "run", data: 1 };
    await once(signal, "abort");
  });
  const answer = await app.fetch("/events");
  const text = answer.text();
  const startedMs = performance.now();
  await app.close();
  server = undefined;
  expect(await text).toContain("event: run");
  expect(performance.now() - startedMs).toBeLessThan(3_000);
});

test("a slow reader sets the pace, and one that stops reading is cut", async () => {
  let produced = 0;
  const ended = Promise.withResolvers<void>();
  const app = await serve(
    async function* () {
      try {
        for (; produced < 10_000; produced++)
          yield { event: "output", id: produced, data: "x".repeat(64 * 1024) };
      } finally {
        ended.resolve();
      }
    },
    { stalledMs: 300 },
  );
  const socket = connect({ port: app.port, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  socket.write(
    `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nAuthorization: Bearer ${app.token}\r\n\r\n`,
  );
  await once(socket, "readable");
  await ended.promise;
  expect(produced).toBeLessThan(1_000);
  socket.destroy();
});

test("a failure in the middle breaks the connection, so that the reader comes again", async () => {
  const app = await serve(async function* () {
    yield { event: "run", data: 1 };
    await new Promise((resolve) => setTimeout(resolve, 20));
    throw new Error("the log can not be read");
  });
  const answer = await app.fetch("/events");
  await expect(answer.text()).rejects.toThrow();
  expect(app.log).toContain("the log can not be read");
});

test("HEAD gives the headers and no events", async () => {
  const { fetch } = await serve(async function* (signal) {
    yield { event: "run", data: 1 };
    await once(signal, "abort");
  });
  const answer = await fetch("/events", { method: "HEAD" });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([
    200,
    "text/event-stream; charset=utf-8",
  ]);
});
