import type { Problem, Script, ScriptPage } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ComposedServer, startComposedServer } from "../../test/support/composed-server.ts";

const TEXT =
  '#!/bin/sh\n# @deckhand 1\n# @title Disk space\n# @param PLACE string = /\ndf "$PLACE"\n';

let server: ComposedServer;

beforeAll(async () => {
  server = await startComposedServer();
});

afterAll(() => server.close());

async function send(
  method: string,
  path: string,
  given: { body?: unknown; headers?: Record<string, string> } = {},
) {
  const { body, headers = {} } = given;
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type: Record<string, string> =
    body === undefined ? {} : { "content-type": "application/json" };
  const response = await server.fetch(`/api/v1/scripts${path}`, {
    method,
    headers: { ...type, ...headers },
    ...json,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : (JSON.parse(text) as unknown),
  };
}

async function create(path: string, text = TEXT): Promise<{ script: Script; etag: string }> {
  const answer = await send("POST", "", { body: { path, text } });
  expect(answer.status).toBe(201);
  return { script: answer.body as Script, etag: answer.headers.get("etag") ?? "" };
}

test("a script's form says what it takes, also of a version that was", async () => {
  const { script, etag } = await create("form/disk.sh");
  const changed = { text: "#!/bin/sh\n# @deckhand 1\n# @param JOBS int(1..8)\n\ntrue\n" };
  await send("PUT", "/form%2Fdisk", { body: changed, headers: { "if-match": etag } });
  expect(await send("GET", "/form%2Fdisk/form")).toMatchObject({
    status: 200,
    body: {
      fields: [{ name: "JOBS", label: "Jobs", type: "int", required: true }],
      schema: { required: ["JOBS"], properties: { JOBS: { type: "integer", maximum: 8 } } },
    },
  });
  expect((await send("GET", `/form%2Fdisk/form?version=${script.version}`)).body).toMatchObject({
    fields: [{ name: "PLACE", label: "Place", default: "/" }],
    schema: { properties: { PLACE: { type: "string", default: "/" } } },
  });
  expect((await send("GET", "/form%2Fdisc/form")).body).toMatchObject({ code: "SCRIPT_NOT_FOUND" });
  expect((await send("GET", "/form%2Fdisk/form?version=0")).status).toBe(400);
});

test("a script is created, read, changed, read as it was, and removed", async () => {
  const { script, etag } = await create("db/disk.sh");
  expect(script).toMatchObject({ name: "db/disk", path: "db/disk.sh", version: 1, text: TEXT });
  expect(etag).toBe(`"${script.sha256}"`);

  const read = await send("GET", "/db%2Fdisk");
  expect(read).toMatchObject({
    status: 200,
    body: { header: { title: "Disk space", params: [{ name: "PLACE" }] } },
  });
  expect((await send("GET", "/db%2Fdisk", { headers: { "if-none-match": etag } })).status).toBe(
    304,
  );

  const changed = await send("PUT", "/db%2Fdisk", {
    body: { text: `${TEXT}#\n` },
    headers: { "if-match": etag },
  });
  expect(changed).toMatchObject({ status: 200, body: { version: 2 } });
  expect(await send("GET", "/db%2Fdisk/versions")).toMatchObject({
    body: { data: [{ version: 2 }, { version: 1 }] },
  });
  expect(await send("GET", "/db%2Fdisk/versions/1")).toMatchObject({
    body: { version: 1, text: TEXT },
  });

  const newest = changed.headers.get("etag") ?? "";
  expect((await send("DELETE", "/db%2Fdisk", { headers: { "if-match": newest } })).status).toBe(
    204,
  );
  expect((await send("GET", "/db%2Fdisk")).status).toBe(404);
  expect(await send("GET", "/db%2Fdisk/versions/2")).toMatchObject({
    status: 200,
    body: { version: 2 },
  });
});

test("a change needs If-Match, and one that comes too late is told what is there now", async () => {
  const { etag } = await create("late.sh");
  const without = await send("PUT", "/late", { body: { text: TEXT } });
  expect(without).toMatchObject({ status: 400, body: { code: "HEADER_INVALID" } });
  expect((await send("DELETE", "/late")).status).toBe(400);
  await send("PUT", "/late", { body: { text: `${TEXT}#\n` }, headers: { "if-match": etag } });
  const late = await send("PUT", "/late", {
    body: { text: `${TEXT}##\n` },
    headers: { "if-match": etag },
  });
  expect(late).toMatchObject({
    status: 409,
    body: { code: "VERSION_CONFLICT", current: { version: 2 } },
  });
});

test("each change is in the audit log, without the text", async () => {
  const { script } = await create("audited.sh");
  const answer = await server.fetch("/api/v1/audit?action=script.write&object=audited");
  expect(await answer.json()).toMatchObject({
    data: [
      {
        object: "audited",
        outcome: "allowed",
        detail: { verb: "create", version: 1, sha256: script.sha256 },
      },
    ],
  });
});

test("the list comes in pages and can be searched", async () => {
  for (const name of ["page/a", "page/b", "page/c"]) await create(`${name}.sh`);
  const names: string[] = [];
  let after = "";
  do {
    const { body } = await send("GET", `?search=PAGE&limit=2${after}`);
    const { data, next } = body as ScriptPage;
    names.push(...data.map(({ name }) => name));
    after = next === null ? "" : `&after=${next}`;
  } while (after !== "");
  expect(names).toEqual(["page/a", "page/b", "page/c"]);
  expect(await send("GET", "?after=%25%25")).toMatchObject({
    status: 400,
    body: { code: "CURSOR_INVALID" },
  });
});

test("a text can be checked without keeping it", async () => {
  const body = { path: "x.sh", text: "# @deckhand 1\n# @parm A int\n" };
  expect(await send("POST", "/check", { body })).toMatchObject({
    status: 200,
    body: {
      header: { interpreter: ["sh"] },
      problems: [{ line: 2, column: 3, detail: "@parm is not a key; did you mean @param?" }],
    },
  });
  expect((await send("GET", "/x")).status).toBe(404);
});

test.each([
  "..%2Fx",
  "%2Fetc%2Fpasswd",
  "a%2F..%2F..%2Fx",
  ".git",
  "a%00b",
  "a%5Cb",
  "x".repeat(300),
])("%s is refused as a name wherever it is given", async (name) => {
  const ifMatch = { "if-match": `"${"0".repeat(64)}"` };
  const answers = [
    await send("GET", `/${name}`),
    await send("GET", `/${name}/versions`),
    await send("GET", `/${name}/versions/1`),
    await send("PUT", `/${name}`, { body: { text: TEXT }, headers: ifMatch }),
    await send("DELETE", `/${name}`, { headers: ifMatch }),
  ];
  expect(answers.map(({ body }) => (body as Problem).code)).toEqual(
    Array(5).fill("SCRIPT_NAME_INVALID"),
  );
  const created = await send("POST", "", {
    body: { path: decodeURIComponent(name).slice(0, 255), text: TEXT },
  });
  expect(name.startsWith("x") ? 201 : 422).toBe(created.status);
});

test("what can not be kept is refused with the reason", async () => {
  await create("taken.sh");
  const codes = [];
  for (const body of [
    { path: "taken.py", text: "print()\n" },
    { path: "notes.txt", text: "hello\n" },
    { path: "nul.sh", text: "echo \0" },
  ])
    codes.push(((await send("POST", "", { body })).body as Problem).code);
  expect(codes).toEqual(["SCRIPT_EXISTS", "INTERPRETER_UNKNOWN", "SCRIPT_INVALID"]);
});
