import { AppError, type Problem } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { sendRaw } from "./support/raw-http.ts";
import { startTestApp, type TestApp } from "./support/test-app.ts";

let server: TestApp;

const body = z.strictObject({
  name: z.string(),
  limits: z
    .strictObject({ timeout: z.string().optional(), maxTargets: z.number().optional() })
    .default({}),
  items: z.array(z.strictObject({ size: z.number() })).optional(),
  either: z.union([z.string(), z.array(z.string())]).optional(),
});

beforeAll(async () => {
  server = await startTestApp({
    routes: [
      (app) => {
        app.post(
          "/api/v1/things",
          { config: { action: "run.create" }, schema: { body } },
          async () => ({ done: true }),
        );
        app.get("/api/v1/fails", { config: { action: "run.read" } }, async () => {
          throw new Error("the password is hunter2");
        });
        app.get("/api/v1/busy", { config: { action: "run.read" } }, async () => {
          throw new AppError("QUEUE_FULL", {
            detail: "Full.",
            extra: { retryAfterSeconds: 4.2, status: 200, code: "X" },
          });
        });
        app.get(
          "/api/v1/odd",
          {
            config: { action: "run.read" },
            schema: { response: { 200: z.object({ a: z.number() }) } },
          },
          async () => ({
            a: "hunter2" as unknown as number,
          }),
        );
      },
    ],
  });
});
afterAll(() => server.close());

async function post(text: string | Uint8Array<ArrayBuffer>, type = "application/json") {
  const answer = await server.fetch("/api/v1/things", {
    method: "POST",
    body: text,
    headers: { "content-type": type },
  });
  return {
    status: answer.status,
    type: answer.headers.get("content-type"),
    problem: (await answer.json()) as Problem,
  };
}

describe("a body", () => {
  test.each([
    ['{"name":1}', "/name", "expected string, received number"],
    ['{"nmae":"x","name":"y"}', "/nmae", "there is no such field; did you mean name?"],
    [
      '{"name":"x","limits":{"timout":"1s"}}',
      "/limits/timout",
      "there is no such field; did you mean timeout?",
    ],
    [
      '{"name":"x","limits":{"zzz":1}}',
      "/limits/zzz",
      "there is no such field; known are timeout, maxTargets",
    ],
    [
      '{"name":"x","items":[{"size":1},{"syze":1,"size":2}]}',
      "/items/1/syze",
      "there is no such field; did you mean size?",
    ],
    [
      '{"name":"x","either":5}',
      "/either",
      "expected string, received number, or expected array, received number",
    ],
    [
      '{"name":"x","a/b~c":5}',
      "/a~1b~0c",
      "there is no such field; known are name, limits, items, either",
    ],
    ["[]", "", "expected object, received array"],
    ["", "", "expected object, received null"],
  ])("%s is refused at %s", async (text, pointer, detail) => {
    const { status, type, problem } = await post(text);
    expect([status, type, problem.code]).toEqual([
      400,
      "application/problem+json; charset=utf-8",
      "BODY_INVALID",
    ]);
    expect(problem.errors).toContainEqual({ pointer, detail });
    expect(problem).toMatchObject({ type: "/docs/errors/BODY_INVALID", status: 400 });
  });

  test("all mistakes are told at once", async () => {
    const { problem } = await post('{"name":1,"items":[{"size":"x"}],"foo":1}');
    expect(problem.errors?.map(({ pointer }) => pointer).sort()).toEqual([
      "/foo",
      "/items/0/size",
      "/name",
    ]);
    expect(problem.detail).toContain("(and 2 more)");
  });

  test.each(['{"name":', "{'name':1}", "nul", '{"name":"x"}}', "\u0000"])(
    "%j is no JSON",
    async (text) => {
      expect(await post(text)).toMatchObject({ status: 400, problem: { code: "BODY_INVALID" } });
    },
  );

  test("bytes that are no UTF-8 are refused, never replaced", async () => {
    const bytes = new Uint8Array([...Buffer.from('{"name":"'), 0xff, ...Buffer.from('"}')]);
    const { problem } = await post(bytes);
    expect(problem.detail).toContain("UTF-8");
  });

  test.each(['{"name":"x","__proto__":{}}', '{"name":"x","\\u005f_proto__":{}}'])(
    "%s is refused",
    async (text) => {
      expect(await post(text)).toMatchObject({ status: 400, problem: { code: "BODY_INVALID" } });
    },
  );

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "nonsense",
  ])("%s is not read", async (type) => {
    expect(await post("x", type)).toMatchObject({
      status: 415,
      problem: { code: "CONTENT_TYPE_INVALID" },
    });
  });

  test("JSON with a charset is read", async () => {
    expect(await post('{"name":"x"}', "application/json; charset=utf-8")).toMatchObject({
      status: 200,
    });
  });
});

describe("an answer", () => {
  test("of a fault of ours has no internals, and the log has them under the request id", async () => {
    const answer = await server.fetch("/api/v1/fails");
    const text = await answer.text();
    expect([answer.status, JSON.parse(text).code]).toEqual([500, "INTERNAL"]);
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain(".ts");
    const logged = server.log.split("\n").find((line) => line.includes("hunter2")) ?? "{}";
    expect(JSON.parse(logged)).toMatchObject({
      level: "error",
      requestId: answer.headers.get("x-request-id"),
    });
  });

  test("that does not fit its own schema is a fault of ours", async () => {
    const answer = await server.fetch("/api/v1/odd");
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("hunter2");
  });

  test("says when to come again, and extra members never replace the standard ones", async () => {
    const answer = await server.fetch("/api/v1/busy");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(await answer.json()).toMatchObject({
      status: 429,
      code: "QUEUE_FULL",
      retryAfterSeconds: 4.2,
    });
  });

  test("has a request id: the caller's own where it is harmless", async () => {
    const idOf = async (given?: string) => {
      const answer = await server.fetch(
        "/healthz",
        given ? { headers: { "x-request-id": given } } : {},
      );
      return answer.headers.get("x-request-id");
    };
    expect(await idOf("my-id_1.2")).toBe("my-id_1.2");
    expect(await idOf()).toMatch(/^req_[0-9a-z]{26}$/);
    for (const unsafe of ["a b", "x".repeat(65), '"><script>', "-x", "ä"])
      expect(await idOf(unsafe)).toMatch(/^req_/);
  });

  test("to a wrong method names the right ones", async () => {
    const answer = await server.fetch("/api/v1/things", { method: "PUT" });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
    const options = await server.fetch("/api/v1/things", { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "POST, OPTIONS"]);
  });

  test("to HEAD is that to GET without a body", async () => {
    const answer = await server.fetch("/api/v1/info", { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  test.each([
    "/api/v1/%zz",
    "/%00",
    "/api/v1/tokens/" + "x".repeat(2000),
    "//",
    "/..%2f..%2fetc/passwd",
  ])("to %s is a problem", async (path) => {
    const answer = await sendRaw(
      server.port,
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`,
    );
    expect([400, 401, 404, 405]).toContain(answer.status);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.headers["x-request-id"]).toBeTruthy();
  });
});
