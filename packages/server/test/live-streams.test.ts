import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { sendLive } from "../src/http/live-streams.ts";
import { startTestApp, type TestApp } from "./support/test-app.ts";

let server: TestApp | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(start: (signal: AbortSignal) => AsyncIterable<string>) {
  server = await startTestApp({
    routes: [
      (app) =>
        app.get("/bytes", { config: { action: "run.read" } }, (_request, reply) => {
          sendLive(reply, start, { contentType: "text/plain", saysItsEnd: false });
        }),
    ],
  });
  return server;
}

test("bytes come as they are, to their end, and the headers before them", async () => {
  const gate = Promise.withResolvers<void>();
  const { fetch } = await serve(async function* () {
    await gate.promise;
    yield "one\n";
    yield "two";
  });
  const answer = await fetch("/bytes");
  expect(answer.headers.get("content-type")).toBe("text/plain");
  gate.resolve();
  expect(await answer.text()).toBe("one\ntwo");
});

test("bytes that do not say their end are broken off when the server closes, so that nobody takes them for all", async () => {
  const app = await serve(async function* (signal) {
    yield "one\n";
    await once(signal, "abort");
  });
  const text = (await app.fetch("/bytes")).text();
  const rejected = expect(text).rejects.toThrow();
  await app.close();
  server = undefined;
  await rejected;
});
