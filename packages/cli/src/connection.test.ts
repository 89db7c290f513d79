import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { resolveConnection } from "./connection.ts";
import { writeContexts, writeCredentials } from "./context-file.ts";

const PROD = "https://ops.example.org";
let home = "";
let env: Record<string, string> = {};

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "deckhand-connection-"));
  env = { HOME: home, DECKHAND_DATA_DIR: join(home, "data") };
  await writeContexts(env, {
    current: "prod",
    contexts: { prod: { server: PROD }, test: { server: "http://test.example.org" } },
  });
  await writeCredentials(env, { prod: "prod-token", test: "test-token" });
});

afterEach(() => rm(home, { recursive: true, force: true }));

test("the current context gives server and token", async () => {
  expect(await resolveConnection({}, env)).toMatchObject({ server: PROD, token: "prod-token" });
});

test("a context's token goes to no other server", async () => {
  const elsewhere = "https://evil.example.org";
  expect(await resolveConnection({ server: elsewhere }, env)).toMatchObject({
    server: elsewhere,
    token: undefined,
  });
  const byEnvironment = { ...env, DECKHAND_SERVER: `${PROD}:8443` };
  expect((await resolveConnection({}, byEnvironment)).token).toBeUndefined();
  expect((await resolveConnection({ server: `${PROD}/` }, env)).token).toBe("prod-token");
});

test("a context named on the command line goes before the environment", async () => {
  const set = { ...env, DECKHAND_SERVER: "http://127.0.0.1:9", DECKHAND_TOKEN: "from-environment" };
  expect(await resolveConnection({ context: "test" }, set)).toMatchObject({
    server: "http://test.example.org",
    token: "test-token",
  });
});

test("the environment goes before the current context", async () => {
  const set = { ...env, DECKHAND_SERVER: "http://127.0.0.1:9", DECKHAND_TOKEN: "from-environment" };
  expect(await resolveConnection({}, set)).toMatchObject({
    server: "http://127.0.0.1:9",
    token: "from-environment",
  });
  expect((await resolveConnection({}, { ...env, DECKHAND_CONTEXT: "test" })).token).toBe(
    "test-token",
  );
});

test("a token file named on the command line goes before all", async () => {
  const tokenFile = join(home, "token");
  await writeFile(tokenFile, " from-file \n");
  const set = { ...env, DECKHAND_TOKEN: "from-environment" };
  expect((await resolveConnection({ tokenFile }, set)).token).toBe("from-file");
});

test("names that every object has are no contexts", async () => {
  await expect(resolveConnection({ context: "constructor" }, env)).rejects.toThrow(
    "there is no context",
  );
});

test("what is no address of a server is refused", async () => {
  await expect(resolveConnection({ server: "127.0.0.1:8000" }, env)).rejects.toThrow("no address");
  await expect(resolveConnection({ server: "ftp://x" }, env)).rejects.toThrow("no address");
});
