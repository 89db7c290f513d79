import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type IndexDeps, indexOutputs } from "./index-outputs.ts";
import { openSearchIndex, type SearchIndex } from "./search-index.ts";
import type { QueuedExecution, SearchedExecution } from "./search-queue-store.ts";

let folder: string;
let index: SearchIndex;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deckhand-index-"));
  index = openSearchIndex(join(folder, "search.db"));
});

afterEach(() => {
  index.close();
  rmSync(folder, { recursive: true, force: true });
});

const frame = { seq: 1, atMs: 1, stream: "stdout", payload: Buffer.from("found\n") } as const;

interface Indexed {
  readonly executionIds: readonly string[];
  readonly written: SearchedExecution["written"];
  readonly readFrames: IndexDeps["output"]["readFrames"];
}

/** Gives the executions that are found, and what went wrong on the way. */
async function indexAll({ executionIds, written, readFrames }: Indexed) {
  let queued: QueuedExecution[] = executionIds.map((executionId, seq) => ({ seq, executionId }));
  const emptied = Promise.withResolvers<void>();
  const problems: unknown[] = [];
  const indexing = indexOutputs({
    index,
    queue: {
      list: async () => queued,
      count: async () => queued.length,
      done: async (seqs) => {
        queued = queued.filter(({ seq }) => !seqs.includes(seq));
        if (queued.length === 0) emptied.resolve();
      },
      findExecution: async (executionId) => ({
        of: {
          ...{ executionId, runId: "run_1", targetId: "tgt_1", target: "db-1", script: null },
          ...{ state: "failed", finishedAtMs: 1 },
        },
        written,
      }),
      queueAll: async () => {},
      clear: async () => {},
    },
    output: { readFrames },
    isBusy: () => false,
    bytesPerExecution: 1_000,
    onProblem: (error) => problems.push(error),
  });
  await emptied.promise;
  await indexing.close();
  const { lines } = index.find({
    ...{ query: "found", limit: 999, below: undefined, isWanted: () => true },
  });
  return { lines, problems };
}

test("an output that can not be read keeps no later one out of the index", async () => {
  const { lines, problems } = await indexAll({
    executionIds: ["exe_broken", "exe_sound"],
    written: { stdout: 12, stderr: 0 },
    async *readFrames(_runId, executionId) {
      yield [frame];
      if (executionId === "exe_broken") throw new Error("EIO");
    },
  });
  expect(lines.map(({ executionId }) => executionId)).toEqual(["exe_sound", "exe_broken"]);
  expect([problems.length, index.isNew]).toEqual([1, false]);
});

test.each([
  ["stdout alone", { stdout: 6_000_000, stderr: 0 }, 84],
  ["a little stderr at the end too", { stdout: 6_000_000, stderr: 6 }, 1_001],
])("of much output with %s no more is read than is indexed", async (_what, written, mostReads) => {
  let reads = 0;
  const { lines } = await indexAll({
    executionIds: ["exe_long"],
    written,
    async *readFrames() {
      for (reads = 1; reads <= 1_000; reads++) yield [frame];
      yield [{ ...frame, stream: "stderr" }];
    },
  });
  expect(reads).toBe(mostReads);
  expect(lines.filter(({ stream }) => stream === "stderr")).toHaveLength(Math.sign(written.stderr));
});
