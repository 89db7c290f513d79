import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendEvents } from "../src/http/server-sent-events.ts";
import { sendRaw } from "./support/raw-http.ts";
import { startTestApp, type TestApp } from "./support/test-app.ts";

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp({
    http: {
      allowedHosts: ["deckhand.example.org", "other.example.org:8443"],
      allowedOrigins: ["https://page.example.org"],
    },
    routes: [
      (app) =>
        app.get("/events", { config: { action: "run.read" } }, (_request, reply) => {
          sendEvents(reply, async function* () {
            yield { event: "end", data: {} };
          });
        }),
    ],
  });
});
afterAll(() => server.close());

async function ask(path: string, host: string | undefined, more = ""): Promise<string> {
  const hostLine =
    host === undefined ? "" : `Host: ${host.replace("PORT", String(server.port))}\r\n`;
  const lines = `${hostLine}Authorization: Bearer ${server.token}\r\n${more.replaceAll("PORT", String(server.port))}`;
  const answer = await sendRaw(
    server.port,
    `GET ${path} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`,
  );
  return answer.status === 200
    ? "answered"
    : (JSON.parse(answer.body.slice(answer.body.indexOf("{"), answer.body.lastIndexOf("}") + 1))
        .code as string);
}

const HOSTS: [string | undefined, string][] = [
  ["127.0.0.1:PORT", "answered"],
  ["localhost:PORT", "answered"],
  ["LOCALHOST:PORT", "answered"],
  ["[::1]:PORT", "answered"],
  ["deckhand.example.org", "answered"],
  ["deckhand.example.org:9999", "answered"],
  ["other.example.org:8443", "answered"],
  ["other.example.org", "HOST_DENIED"],
  ["other.example.org:1", "HOST_DENIED"],
  ["localhost", "HOST_DENIED"],
  ["localhost:1", "HOST_DENIED"],
  ["attacker.example:PORT", "HOST_DENIED"],
  ["127.0.0.1.attacker.example:PORT", "HOST_DENIED"],
  ["localhost.attacker.example:PORT", "HOST_DENIED"],
  ["deckhand.example.org.attacker.example", "HOST_DENIED"],
  ["attacker.example@localhost:PORT", "HOST_DENIED"],
  ["localhost:PORT@attacker.example", "HOST_DENIED"],
  ["0.0.0.0:PORT", "HOST_DENIED"],
  ["", "HOST_DENIED"],
];

const ORIGINS: [string, string][] = [
  ["http://127.0.0.1:PORT", "answered"],
  ["https://page.example.org", "answered"],
  ["https://attacker.example", "ORIGIN_DENIED"],
  ["https://page.example.org.attacker.example", "ORIGIN_DENIED"],
  ["http://page.example.org", "ORIGIN_DENIED"],
  ["http://127.0.0.1:1", "ORIGIN_DENIED"],
  ["http://localhost:PORT", "ORIGIN_DENIED"],
  ["null", "ORIGIN_DENIED"],
  ["", "ORIGIN_DENIED"],
];

describe.each(["/api/v1/info", "/events", "/healthz", "/openapi.json"])("%s", (path) => {
  test.each(HOSTS)("asked as Host %j: %s", async (host, expected) => {
    expect(await ask(path, host)).toBe(expected);
  });

  test.each(ORIGINS)("asked by a page of %j: %s", async (origin, expected) => {
    expect(await ask(path, "127.0.0.1:PORT", `Origin: ${origin}\r\n`)).toBe(expected);
  });
});

test("an address that is not there is not told to a wrong Host either", async () => {
  expect(await ask("/nothing", "attacker.example")).toBe("HOST_DENIED");
});

test("a request of HTTP/1.0 without a Host is refused", async () => {
  const answer = await sendRaw(server.port, "GET /healthz HTTP/1.0\r\n\r\n");
  expect(answer.status).toBe(403);
});

test("no answer lets another site read it, frame it or keep a cookie", async () => {
  for (const path of [
    "/api/v1/info",
    "/openapi.json",
    "/docs",
    "/nothing",
    "/docs/errors/INTERNAL",
  ]) {
    const { headers } = await server.fetch(path, {
      headers: { origin: "https://page.example.org" },
    });
    expect([...headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
    expect(headers.get("set-cookie")).toBeNull();
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("a preflight of another site is refused", async () => {
  const answer = await fetch(`${server.url}/api/v1/tokens`, {
    method: "OPTIONS",
    headers: { origin: "https://attacker.example" },
  });
  expect(answer.status).toBe(403);
});
