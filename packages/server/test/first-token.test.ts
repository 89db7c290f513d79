import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tokenAccess } from "../src/access/access.ts";
import { createToken } from "../src/access/create-token.ts";
import { ensureFirstToken } from "../src/access/ensure-first-token.ts";
import { type TokenStore, tokenStore } from "../src/access/token-store.ts";
import { type OpenedDatabase, openDatabase } from "../src/database/open-database.ts";

let dataDir: string;
let database: OpenedDatabase;
let tokens: TokenStore;
let printed: string[];
let nowMs = 0;
const now = () => nowMs;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "deckhand-first-token-"));
  database = await openDatabase(dataDir);
  tokens = tokenStore(database.db, database.synced);
  printed = [];
  nowMs = Date.now();
});
afterEach(async () => {
  await database.close();
  await rm(dataDir, { recursive: true });
});

const start = () => ensureFirstToken({ tokens, dataDir, now, print: (line) => printed.push(line) });
const readFirst = async () => (await readFile(join(dataDir, "first-token"), "utf8")).trim();
const authenticate = (text: string) => tokenAccess({ tokens, now }).authenticate(`Bearer ${text}`);

test("the first start makes a token, shows it once and keeps it in a file for the server's user only", async () => {
  await start();
  const text = await readFirst();
  expect((await stat(join(dataDir, "first-token"))).mode & 0o777).toBe(0o600);
  expect(printed.join("\n")).toContain(text);
  expect(await authenticate(text)).toMatchObject({ name: "first" });
  printed = [];
  await start();
  expect(printed).toEqual([]);
  expect(await readFirst()).toBe(text);
});

test("two servers never have the same token, and only a hash is kept", async () => {
  await start();
  const text = await readFirst();
  const [stored] = await tokens.list();
  expect(text).toMatch(/^dh_[0-9a-z]{26}_[A-Za-z0-9_-]{43}$/);
  expect(JSON.stringify(stored)).not.toContain(text.slice(-43));
});

test("a server whose tokens have all expired makes a first token again", async () => {
  await createToken({ tokens, now }, { name: "short", expiresInMs: 1000 });
  await start();
  expect(printed).toEqual([]);
  nowMs += 1000;
  await start();
  expect(await authenticate(await readFirst())).toMatchObject({ name: "first" });
});

test("the last valid token can not be deleted, an expired one and one of two can", async () => {
  await start();
  const [first] = await tokens.list();
  const { token: short } = await createToken({ tokens, now }, { name: "short", expiresInMs: 1000 });
  nowMs += 1000;
  await expect(tokens.delete(first?.id ?? "", nowMs)).rejects.toMatchObject({ code: "LAST_TOKEN" });
  await tokens.delete(short.id, nowMs);
  const { token: second } = await createToken({ tokens, now }, { name: "second" });
  await tokens.delete(first?.id ?? "", nowMs);
  expect((await tokens.list()).map(({ id }) => id)).toEqual([second.id]);
});

test("the last use is written at most once a minute", async () => {
  const { text, token } = await createToken({ tokens, now }, { name: "busy" });
  const access = tokenAccess({ tokens, now });
  const use = async (atMs: number) => {
    nowMs = atMs;
    await access.authenticate(`Bearer ${text}`);
    await new Promise((resolve) => setImmediate(resolve));
    return (await tokens.find(token.id))?.lastUsedAtMs;
  };
  const startMs = nowMs;
  expect(await use(startMs)).toBe(startMs);
  expect(await use(startMs + 59_000)).toBe(startMs);
  expect(await use(startMs + 60_000)).toBe(startMs + 60_000);
});
