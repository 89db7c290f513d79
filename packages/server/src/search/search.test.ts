import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { searchQuery } from "@deckhand/core";
import { expect, test } from "vitest";
import { search } from "./search.ts";
import { openSearchIndex } from "./search-index.ts";

test("where scripts fill a page the next one goes on with output", async () => {
  const folder = mkdtempSync(join(tmpdir(), "deckhand-search-"));
  const index = openSearchIndex(join(folder, "search.db"));
  const named = { runId: "run_1", executionId: "exe_1", targetId: "tgt_1", target: "db-1" };
  const ended = { script: null, stream: "stdout", state: "failed", finishedAtMs: 1 } as const;
  await index.put({ ...named, ...ended }, ["vacuum"], async () => {});
  const script = { name: "db/vacuum", version: 1, text: "vacuum" };
  const library = { list: async () => [script], find: async () => script } as never;
  const deps = { index, queue: { count: async () => 0 }, library, now: Date.now };
  const query = searchQuery.parse({ q: "vacuum", in: ["scripts", "output"], limit: "1" });
  const first = await search(deps, query);
  expect(first.data).toMatchObject([{ kind: "script" }]);
  const second = await search(deps, { ...query, after: first.next ?? "" });
  expect(second.data).toMatchObject([{ kind: "output" }]);
  index.close();
  rmSync(folder, { recursive: true, force: true });
});
