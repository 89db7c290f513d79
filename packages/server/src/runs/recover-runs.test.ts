import { toId } from "@deckhand/core";
import { expect, test } from "vitest";
import { fileOutputLog } from "../output/output-log.ts";
import { shortOutputs } from "../output/short-outputs.ts";
import { vault } from "../secrets/vault.ts";
import { insertRun } from "./insert-run.ts";
import { recoverRuns } from "./recover-runs.ts";
import { runConductor } from "./run-conductor.ts";
import { runDispatcher } from "./run-dispatcher.ts";
import { runSignals } from "./run-signals.ts";
import { newRun } from "./testing/new-run.ts";
import { temporaryDatabase } from "./testing/temporary-database.ts";

const database = temporaryDatabase();

test("of two runs of one key and one millisecond only the first starts again", async () => {
  const writes = { db: database.opened.db, runEnded: async () => {} };
  const runs = [2, 1].map((number) => {
    const run = newRun({ createdAtMs: 1, number, targets: ["one"] });
    const concurrency = { key: "db/backup", onConflict: "queue" } as const;
    const id = toId("execution", 1, Buffer.alloc(10, number));
    const executions = run.executions.map(({ target }) => ({ id, target }));
    return { ...run, executions, plan: { ...run.plan, concurrency } };
  });
  for (const run of runs) await insertRun(writes, run, async () => {});
  const started: string[] = [];
  const dispatcher = runDispatcher({
    executionsPerContainer: 1,
    executionsPerEngine: 9,
    execute: async (executionId) => void started.push(executionId),
  });
  const conductor = runConductor({
    dispatcher,
    now: Date.now,
    passOn: async () => undefined,
    skip: async () => {},
    supersede: () => {},
  });
  await recoverRuns({
    ...writes,
    synced: database.opened.synced,
    output: fileOutputLog({
      directory: database.folder,
      short: shortOutputs(writes.db),
      now: Date.now,
      onFlushed: () => {},
    }),
    vault: vault(new Uint8Array(32)),
    signals: runSignals(),
    dispatcher,
    conductor,
    cancel: async () => {},
    resume: async () => {},
    findSession: () => undefined,
    now: Date.now,
  });
  expect(started).toEqual(runs[0]?.executions.map(({ id }) => id));
});
