import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSearchIndex, type SearchedStream, type SearchIndex } from "./search-index.ts";

let folder: string;
let index: SearchIndex;
const path = () => join(folder, "search.db");
const pause = async () => {};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deckhand-search-"));
  index = openSearchIndex(path());
});
afterEach(() => {
  index.close();
  rmSync(folder, { recursive: true, force: true });
});

const stream = (executionId: string, target = "db-1"): SearchedStream => ({
  executionId,
  target,
  targetId: "tgt_1",
  runId: "run_1",
  script: null,
  stream: "stdout",
  state: "failed",
  finishedAtMs: 1,
});

const find = (query: string, more: Partial<Parameters<SearchIndex["find"]>[0]> = {}) =>
  index.find({ query, limit: 10, below: undefined, isWanted: () => true, ...more });

test("lines are found with their number and their words, newest first, page by page", async () => {
  await index.put(stream("exe_1"), ["first", "", "Connection refused by peer"], pause);
  await index.put(stream("exe_2"), ["connection reset"], pause);
  const { lines, next } = find('"connection"', { limit: 1 });
  expect(lines).toMatchObject([{ executionId: "exe_2", line: 1 }]);
  expect(find('"connection"', { below: next })).toMatchObject({
    lines: [
      {
        executionId: "exe_1",
        line: 3,
        text: "Connection refused by peer",
        matches: [{ from: 0, to: 10 }],
      },
    ],
    next: undefined,
  });
});

test("many hits that nobody wants end a page, which says where to go on", async () => {
  for (let place = 0; place < 6; place++)
    await index.put(
      stream(`exe_${place}`),
      Array.from({ length: 400 }, () => "same"),
      pause,
    );
  await index.put(stream("exe_last", "db-2"), ["same"], pause);
  let seen = 0;
  for (let below: number | undefined; ; ) {
    const page = find('"same"', {
      below,
      limit: 1_000,
      isWanted: ({ target }) => target === "db-1",
    });
    seen += page.lines.length;
    if (page.next === undefined) break;
    below = page.next;
  }
  expect(seen).toBe(2_400);
});

test("what is forgotten, or was cut off by a crash, is not found, and can be put in again", async () => {
  const broken = async () => {
    throw new Error("killed");
  };
  await expect(index.put(stream("exe_1"), ["word"], broken)).rejects.toThrow("killed");
  expect(find('"word"').lines).toEqual([]);
  index.close();
  index = openSearchIndex(path());
  await index.forget("exe_1", pause);
  await index.put(stream("exe_1"), ["word"], pause);
  expect(find('"word"').lines).toHaveLength(1);
  await index.forget("exe_1", pause);
  expect(find('"word"').lines).toEqual([]);
});

test("it is new until all that ended before is on its way in, also over a crash", () => {
  for (const isNew of [true, false]) {
    index.close();
    index = openSearchIndex(path());
    expect(index.isNew).toBe(isNew);
    index.noteFilled();
  }
});

test("a file that is no index is made anew", () => {
  index.close();
  writeFileSync(path(), "this is no database, whatever it is".repeat(100));
  index = openSearchIndex(path());
  expect(index.isNew).toBe(true);
});
