import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OpenedDatabase, openDatabase } from "../database/open-database.ts";
import { insertRun } from "./insert-run.ts";
import { readEndedRun } from "./read-ended-run.ts";
import { getRun, moveExecution } from "./run-store.ts";
import type { RunEnded } from "./run-writes.ts";
import { newRun } from "./testing/new-run.ts";

let folder: string;
let opened: OpenedDatabase;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-ended-"));
  opened = await openDatabase(folder);
});

afterAll(async () => {
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

function runOn(...targets: string[]) {
  return newRun({ createdAtMs: ++made, targets });
}

const rejected = { state: "rejected", reason: { code: "no-shell", detail: "x" } } as const;

test("the end of a run is told once, with its last execution, and sees the final state", async () => {
  const told: string[] = [];
  const runEnded: RunEnded = async (_, { id, state }) => void told.push(`${id} ${state}`);
  const writes = { db: opened.db, runEnded };
  const run = runOn("one", "two");
  await insertRun(writes, run, async () => {});
  const [first = "", second = ""] = run.executions.map(({ id }) => id);
  await moveExecution(writes, first, { ...rejected, atMs: 1 });
  expect(told).toEqual([]);
  await moveExecution(writes, second, { state: "cancelled", atMs: 1 });
  expect(told).toEqual([`${run.id} rejected`]);
});

test("a run on no target ends with its acceptance, and that is told too", async () => {
  const told: string[] = [];
  const runEnded: RunEnded = async (_, { state }) => void told.push(state);
  await insertRun({ db: opened.db, runEnded }, runOn(), async () => {});
  expect(told).toEqual(["succeeded"]);
});

test("when what is owed can not be written down, the run has not ended either", async () => {
  const broken = { db: opened.db, runEnded: () => Promise.reject(new Error("no room")) };
  const run = runOn("one");
  await insertRun(broken, run, async () => {});
  const move = moveExecution(broken, run.executions[0]?.id ?? "", { ...rejected, atMs: 1 });
  await expect(move).rejects.toThrow("no room");
  expect(await getRun(opened.db, run.id)).toMatchObject({ state: "queued", finished_at: null });
});

test("of a target that is tried again only the last attempt is told", async () => {
  const told: string[][] = [];
  const runEnded: RunEnded = async (transaction, ended) => {
    const { executions } = await readEndedRun(transaction, ended);
    told.push(executions.map(({ targetName, state }) => `${targetName} ${state}`));
  };
  const writes = { db: opened.db, runEnded };
  const run = runOn("one", "two");
  await insertRun(writes, run, async () => {});
  const [first = "", second = ""] = run.executions.map(({ id }) => id);
  await moveExecution(writes, first, { state: "starting", atMs: 1 });
  const retry = { id: "exe_again", notBeforeMs: 1 };
  await moveExecution(writes, first, { state: "failed", atMs: 1, retry });
  await moveExecution(writes, second, { state: "cancelled", atMs: 1 });
  await moveExecution(writes, "exe_again", { state: "starting", atMs: 2 });
  await moveExecution(writes, "exe_again", { state: "succeeded", atMs: 3 });
  expect(told).toEqual([["one succeeded", "two cancelled"]]);
});
