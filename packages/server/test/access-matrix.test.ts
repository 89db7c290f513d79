import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createToken } from "../src/access/create-token.ts";
import { targetRoutes } from "../src/targets/targets.routes.ts";
import { startTestApp, type TestApp } from "./support/test-app.ts";

let server: TestApp;
const headers: Record<string, string | undefined> = {};

beforeAll(async () => {
  const targets = { find: () => undefined };
  const select = {
    listTargets: () => [],
    catchUpTargets: async () => {},
    refreshTargets: async () => {},
    readGroups: async () => new Map(),
  };
  const routes = [targetRoutes({ targets, select, listEngines: () => [] })];
  server = await startTestApp({ routes });
  const { tokens } = server;
  const make = async (name: string, expiresInMs?: number) =>
    createToken({ tokens, now: Date.now }, { name, expiresInMs });
  const deleted = await make("deleted");
  headers["deleted"] = `Bearer ${deleted.text}`;
  const used = await fetch(`${server.url}/api/v1/info`, {
    headers: { authorization: headers["deleted"] },
  });
  expect(used.status).toBe(200);
  await tokens.delete(deleted.token.id, Date.now());
  headers["expired"] = `Bearer ${(await make("expired", 1)).text}`;
  headers["unknown"] = `Bearer dh_${"0".repeat(26)}_${randomBytes(32).toString("base64url")}`;
  headers["wrong secret"] =
    `Bearer ${server.token.slice(0, -43)}${randomBytes(32).toString("base64url")}`;
  headers["malformed"] = "Bearer dh_nothing";
  headers["two tokens"] = `Bearer ${server.token} ${server.token}`;
  headers["another scheme"] = `Basic ${Buffer.from(`x:${server.token}`).toString("base64")}`;
  headers["no token"] = undefined;
  headers["valid"] = `Bearer ${server.token}`;
  headers["valid, scheme in small letters"] = `bearer ${server.token}`;
  await new Promise((resolve) => setTimeout(resolve, 5));
});
afterAll(() => server.close());

/** What the table of principals and the action of a route decide together. */
function expectedCode(principal: string, action: string | undefined): string | undefined {
  if (action === "public" || principal.startsWith("valid")) return undefined;
  return ["no token", "another scheme"].includes(principal) ? "TOKEN_MISSING" : "TOKEN_INVALID";
}

const PRINCIPALS = [
  "no token",
  "another scheme",
  "malformed",
  "two tokens",
  "unknown",
  "wrong secret",
  "expired",
  "deleted",
  "valid",
  "valid, scheme in small letters",
];

describe("every route, for every principal", () => {
  test.each(PRINCIPALS)("answers %s as its action says", async (principal) => {
    const authorization = headers[principal];
    for (const { method, url, config } of server.app.knownRoutes) {
      for (const verb of [method].flat()) {
        const path = url
          .replace(":code", "INTERNAL")
          .replace(/:\w+/, "x")
          .replace("*", "index.css");
        const answer = await fetch(server.url + path, {
          method: verb,
          redirect: "manual",
          ...(authorization ? { headers: { authorization } } : {}),
        });
        const text = await answer.text();
        const code =
          answer.status === 401 ? (verb === "HEAD" ? "401" : JSON.parse(text).code) : undefined;
        const expected = expectedCode(principal, config?.action);
        expect([verb, url, code]).toEqual([
          verb,
          url,
          verb === "HEAD" && expected ? "401" : expected,
        ]);
      }
    }
  });

  test("the routes that need no token are these", () => {
    const open = server.app.knownRoutes
      .filter(({ config }) => config?.action === "public")
      .map(({ url }) => url);
    expect([...new Set(open)].filter((url) => !url.startsWith("/docs/static")).sort()).toEqual([
      "/docs",
      "/docs/",
      "/docs/errors/:code",
      "/docs/json",
      "/docs/yaml",
      "/healthz",
      "/openapi.json",
      "/readyz",
    ]);
  });
});

test("a token works in the header only, never in the address", async () => {
  const answer = await fetch(
    `${server.url}/api/v1/info?token=${server.token}&access_token=${server.token}`,
  );
  expect(answer.status).toBe(401);
  expect(answer.headers.get("www-authenticate")).toContain("Bearer");
});

test("a token that is deleted stops working at once", async () => {
  const made = await server.fetch("/api/v1/tokens", {
    method: "POST",
    body: JSON.stringify({ name: "short" }),
    headers: { "content-type": "application/json" },
  });
  const { id, secret } = (await made.json()) as { id: string; secret: string };
  const use = async () =>
    (await fetch(`${server.url}/api/v1/info`, { headers: { authorization: `Bearer ${secret}` } }))
      .status;
  expect(await use()).toBe(200);
  expect((await server.fetch(`/api/v1/tokens/${id}`, { method: "DELETE" })).status).toBe(204);
  expect(await use()).toBe(401);
});

test("a server with a route that names no action does not start", async () => {
  const start = startTestApp({ routes: [(app) => app.get("/open", async () => "everything")] });
  await expect(start).rejects.toThrow("GET /open");
});

test("a refused change and an allowed one are in the audit, with who, what, where and when, and without the secret", async () => {
  const made = await server.fetch("/api/v1/tokens", {
    method: "POST",
    body: JSON.stringify({ name: "audited" }),
    headers: { "content-type": "application/json", "x-request-id": "audit-test-1" },
  });
  const { id, secret } = (await made.json()) as { id: string; secret: string };
  await server.fetch("/api/v1/tokens/tok_00000000000000000000000000", { method: "DELETE" });
  const answer = await server.fetch("/api/v1/audit?limit=2");
  const text = await answer.text();
  expect(text).not.toContain(secret);
  const [refused, allowed] = JSON.parse(text).data;
  expect(allowed).toMatchObject({
    who: { name: "tester" },
    action: "token.write",
    object: id,
    where: "127.0.0.1",
    outcome: "allowed",
    requestId: "audit-test-1",
  });
  expect(refused).toMatchObject({ outcome: "refused", detail: { code: "TOKEN_NOT_FOUND" } });
  const older = await (await server.fetch(`/api/v1/audit?limit=1&after=${refused.id}`)).json();
  expect(older).toMatchObject({ data: [{ id: allowed.id }] });
});

test("neither a token nor its secret is in the log or the database", async () => {
  const { readdirSync, readFileSync } = await import("node:fs");
  const secret = server.token.slice(-43);
  expect(server.log).not.toContain(secret);
  for (const file of readdirSync(server.dataDir)) {
    expect(readFileSync(`${server.dataDir}/${file}`).includes(secret)).toBe(false);
  }
});
