import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OpenedDatabase, openDatabase } from "./open-database.ts";
import { findRow, findRows, insertRow } from "./rows.ts";

let directory: string;
let opened: OpenedDatabase;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "deckhand-rows-"));
  opened = await openDatabase(directory);
});

afterAll(async () => {
  await opened?.close();
  await rm(directory, { recursive: true, force: true });
});

const token = (id: string, name: string) => ({
  id,
  name,
  secret_hash: "h",
  created_at: 1,
  expires_at: null,
  last_used_at: null,
});

test("a row comes back as it went in, whatever its text is, and whichever came before it", async () => {
  const names = ["plain", 'it\'s "quoted" ?', "; drop table tokens --", "naïve 漢字"];
  for (const [index, name] of names.entries())
    await insertRow(opened.db, "tokens", token(`tok_${index}`, name));
  for (const [index, name] of names.entries())
    expect(await findRow(opened.db, "tokens", { id: `tok_${index}` })).toEqual(
      token(`tok_${index}`, name),
    );
});

test("a column that is not given has its usual value", async () => {
  const { id, ...rest } = token("tok_short", "short");
  await insertRow(opened.db, "tokens", { id, ...rest, last_used_at: undefined as never });
  expect(await findRow(opened.db, "tokens", { id })).toMatchObject({ last_used_at: null });
});

test("all rows with the values come, and those with other values do not", async () => {
  for (const id of ["tok_a", "tok_b", "tok_c"])
    await insertRow(opened.db, "tokens", token(id, "same"));
  const rows = await findRows(opened.db, "tokens", { name: "same" });
  expect(rows.map(({ id }) => id).toSorted()).toEqual(["tok_a", "tok_b", "tok_c"]);
  expect(await findRow(opened.db, "tokens", { name: "nobody's" })).toBeUndefined();
});
