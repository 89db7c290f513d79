import type { Problem, StoredSecret } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ComposedServer, startComposedServer } from "../../test/support/composed-server.ts";

const VALUE = "correct horse battery staple";

let server: ComposedServer;

beforeAll(async () => {
  server = await startComposedServer();
});

afterAll(() => server.close());

async function send(method: string, path: string, body?: unknown) {
  const response = await server.fetch(path, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  });
  const text = await response.text();
  return { status: response.status, text, body: text === "" ? {} : JSON.parse(text) };
}

const setSecret = (name: string, value: unknown) =>
  send("PUT", `/api/v1/secrets/${encodeURIComponent(name)}`, { value });

async function listSecrets(): Promise<StoredSecret[]> {
  return (await send("GET", "/api/v1/secrets")).body.data;
}

test("a secret is set, set anew, listed and deleted, and no answer has its value", async () => {
  const made = await setSecret("db/main", VALUE);
  expect(made).toMatchObject({ status: 200, body: { name: "db/main", updatedBy: "first" } });
  const again = await setSecret("db/main", `${VALUE}!`);
  expect(again.body.createdAt).toBe(made.body.createdAt);
  expect(await listSecrets()).toEqual([again.body]);
  const gone = await send("DELETE", "/api/v1/secrets/db%2Fmain");
  expect(gone).toMatchObject({ status: 204, text: "" });
  expect(await listSecrets()).toEqual([]);
  const twice = await send("DELETE", "/api/v1/secrets/db%2Fmain");
  expect(twice).toMatchObject({ status: 404, body: { code: "SECRET_NOT_FOUND" } });
  expect(made.text + again.text).not.toContain("horse");
});

test("the audit says who set and deleted it, and not to what", async () => {
  await setSecret("audited", VALUE);
  await send("DELETE", "/api/v1/secrets/audited");
  const audit = await send("GET", "/api/v1/audit?action=secret.write&object=audited");
  expect(audit.body.data).toMatchObject([
    { who: { name: "first" }, object: "audited", detail: { verb: "delete" } },
    { who: { name: "first" }, object: "audited", detail: { verb: "set" } },
  ]);
  expect(audit.text).not.toContain("horse");
});

test.each([
  ["too short to be hidden", "ok", "abc", "/value"],
  ["short but for the space around it", "ok", "  abc\n", "/value"],
  ["nothing", "ok", "", "/value"],
  ["a NUL", "ok", "a\0bcd", "/value"],
  ["half a character", "ok", "abcd\ud800", "/value"],
  ["more than a parameter may have", "ok", "x".repeat(65_537), "/value"],
  ["no text", "ok", 12345678, "/value"],
  ["for a name that leads out", "../etc", VALUE, "/name"],
  ["for a name with a space", "db main", VALUE, "/name"],
])("a value that is %s is refused", async (_what, name, value, pointer) => {
  const { status, body } = await setSecret(name, value);
  expect(status).toBe(400);
  expect((body as Problem).errors?.map((place) => place.pointer)).toEqual([pointer]);
  expect((await listSecrets()).map((one) => one.name)).not.toContain(name);
});

test("a run can be planned with one, and shows its name only; one that is not there is told at its place", async () => {
  await setSecret("db/main", VALUE);
  const plan = (secrets: Record<string, string>) =>
    send("POST", "/api/v1/runs/plan", {
      inline: { text: "#!/bin/sh\n# @deckhand 1\n# @secret PGPASSWORD\n\ntrue\n" },
      on: ["name=nothing"],
      allowEmpty: true,
      secrets,
    });
  const planned = await plan({ PGPASSWORD: "db/main" });
  expect(planned).toMatchObject({ status: 200, body: { params: { PGPASSWORD: "••• db/main" } } });
  expect(planned.text).not.toContain("horse");
  const unknown = await plan({ PGPASSWORD: "db/min" });
  expect(unknown).toMatchObject({ status: 422, body: { code: "PARAM_INVALID" } });
  expect(unknown.body.errors).toEqual([
    {
      pointer: "/secrets/PGPASSWORD",
      detail: "is to come from db/min, and there is no stored secret db/min",
    },
  ]);
});
