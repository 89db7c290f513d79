import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { indexOutputs } from "./index-outputs.ts";
import { openSearchIndex } from "./search-index.ts";
import type { QueuedExecution } from "./search-queue-store.ts";

test("an output that can not be read keeps no later one out of the index", async () => {
  const folder = mkdtempSync(join(tmpdir(), "deckhand-index-"));
  const index = openSearchIndex(join(folder, "search.db"));
  let queued: QueuedExecution[] = ["exe_broken", "exe_sound"].map((executionId, seq) => ({
    seq,
    executionId,
  }));
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
        ...{ executionId, runId: "run_1", targetId: "tgt_1", target: "db-1", script: null },
        ...{ state: "failed", finishedAtMs: 1 },
      }),
      queueAll: async () => {},
      clear: async () => {},
    },
    output: {
      async *readFrames(_runId, executionId) {
        const frame = {
          seq: 1,
          atMs: 1,
          stream: "stdout",
          payload: Buffer.from("found\n"),
        } as const;
        yield [frame];
        if (executionId === "exe_broken") throw new Error("EIO");
      },
    },
    isBusy: () => false,
    bytesPerExecution: 1_000,
    onProblem: (error) => problems.push(error),
  });
  await emptied.promise;
  await indexing.close();
  const { lines } = index.find({
    ...{ query: "found", limit: 9, below: undefined, isWanted: () => true },
  });
  expect(lines.map(({ executionId }) => executionId)).toEqual(["exe_sound", "exe_broken"]);
  expect([problems.length, index.isNew]).toEqual([1, false]);
  index.close();
  rmSync(folder, { recursive: true, force: true });
});
