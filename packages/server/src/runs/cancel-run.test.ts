import { expect, test } from "vitest";
import { cancelRun } from "./cancel-run.ts";
import { insertRun } from "./insert-run.ts";
import { runConductor } from "./run-conductor.ts";
import { runDispatcher } from "./run-dispatcher.ts";
import { runSignals } from "./run-signals.ts";
import { getRun, listExecutions, moveExecution } from "./run-store.ts";
import { newRun } from "./testing/new-run.ts";
import { temporaryDatabase } from "./testing/temporary-database.ts";

const database = temporaryDatabase();

test("an attempt that follows one which fails just now is cancelled with the run", async () => {
  const writes = { db: database.opened.db, runEnded: async () => {} };
  const executed: string[] = [];
  const dispatcher = runDispatcher({
    executionsPerContainer: 1,
    executionsPerEngine: 1,
    execute: async (executionId) => void executed.push(executionId),
  });
  const conductor = runConductor({
    dispatcher,
    now: Date.now,
    passOn: async () => undefined,
    skip: async () => {},
    supersede: () => {},
  });
  const run = newRun({ createdAtMs: 1, targets: ["one"] });
  await insertRun(writes, run, async () => {});
  const [first = ""] = run.executions.map(({ id }) => id);
  await moveExecution(writes, first, { state: "starting", atMs: 2 });
  const retry = { id: "exe_retry", notBeforeMs: 0 };
  const failed = await moveExecution(writes, first, { state: "failed", atMs: 3, retry });
  // That it is written down is not told yet.
  const deps = {
    ...writes,
    synced: database.opened.synced,
    dispatcher,
    conductor,
    signals: runSignals(),
  };
  const reason = { code: "cancel-requested", detail: "x" } as const;
  await cancelRun({ ...deps, executor: { stop: () => false }, now: Date.now }, run.id, reason);
  conductor.executionEnded(failed);
  expect((await listExecutions(database.opened.db, run.id)).map(({ state }) => state)).toEqual([
    "failed",
    "cancelled",
  ]);
  expect(await getRun(database.opened.db, run.id)).toMatchObject({
    finished_at: expect.any(Number),
  });
});
