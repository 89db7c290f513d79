import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ComposedServer, startComposedServer } from "./support/composed-server.ts";

let server: ComposedServer;
beforeAll(async () => {
  server = await startComposedServer();
}, 30_000);
afterAll(() => server.close(), 30_000);

interface Answer {
  readonly status: number;
  readonly etag: string;
  readonly body: Record<string, unknown>;
}

async function send(
  method: string,
  path: string,
  { body, ifMatch }: { readonly body?: unknown; readonly ifMatch?: string } = {},
): Promise<Answer> {
  const answer = await server.fetch(`/api/v1/groups${path}`, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(ifMatch !== undefined && { "if-match": ifMatch }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    etag: answer.headers.get("etag") ?? "",
    body: text === "" ? {} : JSON.parse(text),
  };
}

describe("a group", () => {
  test("is made, read, listed, replaced and deleted", async () => {
    const made = await send("POST", "", { body: { name: "db", on: ["label=role=db"] } });
    expect(made).toMatchObject({
      status: 201,
      body: { name: "db", version: 1, on: ["label=role=db"], except: [], description: "" },
    });
    expect(await send("GET", "/db")).toEqual({ ...made, status: 200 });
    const body = { on: ["svc/db"], except: ["db-old"], description: "All databases" };
    const replaced = await send("PUT", "/db", { body, ifMatch: made.etag });
    expect(replaced).toMatchObject({ status: 200, body: { ...body, version: 2 } });
    expect(replaced.etag).not.toBe(made.etag);
    expect((await send("GET", "")).body).toEqual({ data: [replaced.body], next: null });
    expect((await send("DELETE", "/db", { ifMatch: replaced.etag })).status).toBe(204);
    expect((await send("GET", "/db")).body).toMatchObject({
      status: 404,
      code: "DEFINITION_NOT_FOUND",
      detail: "There is no group db.",
    });
  });

  test("is neither replaced nor deleted over somebody else's change, also when it was made anew", async () => {
    const first = await send("POST", "", { body: { name: "contested", on: ["one"] } });
    const other = { body: { on: ["two"] }, ifMatch: first.etag };
    expect((await send("PUT", "/contested", other)).status).toBe(200);
    expect((await send("PUT", "/contested", other)).body).toMatchObject({
      status: 409,
      code: "VERSION_CONFLICT",
    });
    expect((await send("DELETE", "/contested", { ifMatch: first.etag })).status).toBe(409);
    const { etag } = await send("GET", "/contested");
    await send("DELETE", "/contested", { ifMatch: etag });
    await send("POST", "", { body: { name: "contested", on: ["anew"] } });
    expect((await send("PUT", "/contested", other)).status).toBe(409);
    expect((await send("GET", "/contested")).body).toMatchObject({ on: ["anew"], version: 1 });
  });

  test("has a name that nothing else has", async () => {
    const body = { name: "taken", on: ["one"] };
    expect((await send("POST", "", { body })).status).toBe(201);
    expect((await send("POST", "", { body })).body).toMatchObject({
      status: 409,
      code: "DEFINITION_EXISTS",
      detail: "The group taken exists.",
    });
  });

  test.each([
    ["a name with capitals", { name: "Db", on: ["a"] }, "/name"],
    ["an unknown field", { name: "a", on: ["a"], selector: "a" }, "/selector"],
    ["nothing in it", { name: "a", on: [] }, "/on"],
  ])("is refused with %s", async (_why, body, pointer) => {
    const refused = await send("POST", "", { body });
    expect(refused.body).toMatchObject({ status: 400, code: "BODY_INVALID" });
    expect(refused.body["errors"]).toEqual([expect.objectContaining({ pointer })]);
  });

  test("is refused with a selector that can not be read, and is not there afterwards", async () => {
    const refused = await send("POST", "", { body: { name: "unread", on: ["label=="] } });
    expect(refused.body).toMatchObject({ status: 400, code: "SELECTOR_INVALID" });
    expect((await send("GET", "/unread")).status).toBe(404);
  });
});

describe("groups that refer to groups", () => {
  const make = (name: string, ...on: string[]) => send("POST", "", { body: { name, on } });

  test("name only what is there", async () => {
    expect((await make("lost", "@nowhere")).body).toMatchObject({
      status: 404,
      code: "DEFINITION_NOT_FOUND",
      detail: "There is no group nowhere.",
    });
    expect((await send("GET", "/lost")).status).toBe(404);
  });

  test("never lead back to themselves, and nothing is changed by what would", async () => {
    await make("ring-a", "pg-1");
    await make("ring-b", "@ring-a");
    const { etag } = await send("GET", "/ring-a");
    const closing = await send("PUT", "/ring-a", { body: { on: ["@ring-b"] }, ifMatch: etag });
    expect(closing.body).toMatchObject({
      status: 422,
      code: "GROUP_CYCLE",
      detail: "The group @ring-a leads back to itself: @ring-a → @ring-b → @ring-a.",
    });
    expect((await send("GET", "/ring-a")).body).toMatchObject({ on: ["pg-1"], version: 1 });
  });

  test("keep what they refer to", async () => {
    const base = await make("kept", "pg-1");
    const user = await make("keeper", "@kept");
    expect((await send("DELETE", "/kept", { ifMatch: base.etag })).body).toMatchObject({
      status: 409,
      code: "DEFINITION_IN_USE",
      detail: "@keeper refers to the group kept.",
    });
    expect((await send("DELETE", "/keeper", { ifMatch: user.etag })).status).toBe(204);
    expect((await send("DELETE", "/kept", { ifMatch: base.etag })).status).toBe(204);
  });
});

test("groups are listed by name, a page at a time", async () => {
  for (const name of ["page-c", "page-a", "page-b"])
    await send("POST", "", { body: { name, on: ["one"] } });
  const names: unknown[] = [];
  for (let after = "page"; ; ) {
    const { body } = await send("GET", `?limit=1&after=${after}`);
    const { data, next } = body as { data: { name: string }[]; next: string | null };
    names.push(...data.map(({ name }) => name));
    if (next === null) break;
    after = next;
  }
  expect(names.slice(0, 3)).toEqual(["page-a", "page-b", "page-c"]);
});

test("every change is in the audit with who made it; what was refused too", async () => {
  const made = await send("POST", "", { body: { name: "audited", on: ["one"] } });
  await send("DELETE", "/audited", { ifMatch: '"another"' });
  await send("DELETE", "/audited", { ifMatch: made.etag });
  const entries = await server.fetch("/api/v1/audit?action=group.write&limit=3");
  expect(await entries.json()).toMatchObject({
    data: [
      { object: "audited", outcome: "allowed", detail: { verb: "delete", version: 1 } },
      { outcome: "refused", detail: { code: "VERSION_CONFLICT" } },
      { object: "audited", outcome: "allowed", detail: { verb: "create", version: 1 } },
    ],
  });
});
