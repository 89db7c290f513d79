import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BY_REQUEST, type ListRunsQuery, type RunState } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OpenedDatabase, openDatabase } from "../database/open-database.ts";
import { listRuns } from "./run-list.ts";
import { insertRun } from "./insert-run.ts";
import { moveExecution } from "./run-store.ts";
import { newRun } from "./testing/new-run.ts";

const NOW_MS = Date.parse("2026-11-20T12:00:00Z");
const MINUTE_MS = 60_000;
const RUNS = 450;

let folder: string;
let opened: OpenedDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-list-"));
  opened = await openDatabase(folder);
  for (let index = 0; index < RUNS; index++) await insertOld(index);
});

afterAll(async () => {
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

function scheduleId(part: number): string {
  return `sch_${String(part).repeat(26)}`;
}

/** Nobody is told of an end here. */
const writes = () => ({ db: opened.db, runEnded: async () => {} });

/** Run `index` is that many minutes old, on two of three targets; every tenth was rejected. */
async function insertOld(index: number): Promise<void> {
  const createdAtMs = NOW_MS - index * MINUTE_MS;
  const run = newRun({
    createdAtMs,
    number: index % 200,
    script: index % 5 === 0 ? "db/x" : undefined,
    targets: [`pg-${index % 3}`, `pg-${(index + 1) % 3}`],
    origin:
      index % 9 === 0
        ? { kind: "schedule", id: scheduleId(index % 2), name: `s${index % 2}` }
        : BY_REQUEST,
  });
  await insertRun(writes(), run, async () => {});
  if (index % 10 !== 0) return;
  for (const { id: executionId } of run.executions) {
    await moveExecution(writes(), executionId, {
      state: "rejected",
      atMs: createdAtMs,
      reason: { code: "no-shell", detail: "x" },
    });
  }
}

async function listAll(filter: Partial<ListRunsQuery>): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ; ) {
    const { rows, next } = await listRuns(
      opened.db,
      { limit: 37, ...filter, ...(after && { after }) },
      NOW_MS,
    );
    ids.push(...rows.map(({ id }) => id));
    if (next === undefined) return ids;
    after = next;
  }
}

const state = (...states: RunState[]) => ({ state: states });

test.each([
  ["everything", {}, 450],
  ["the rejected", state("rejected"), 45],
  ["two states", state("rejected", "queued"), 450],
  ["those of a script", { script: "db/x" }, 90],
  ["those of a target by name", { target: "pg-1" }, 300],
  ["those of a target by id", { target: "tgt_pg-2" }, 300],
  ["the rejected of a target", { target: "pg-1", ...state("rejected") }, 30],
  ["those of an unknown target", { target: "none" }, 0],
  ["those since a span", { since: "1h" }, 61],
  ["what schedules started", { origin: "schedule" }, 50],
  ["what no schedule started", { origin: "request" }, 400],
  ["what one schedule started, by name", { origin: "schedule/s1" }, 25],
  ["what one schedule started, by id", { origin: `schedule/${scheduleId(0)}` }, 25],
  ["what a schedule started on a target", { origin: "schedule", target: "pg-1" }, 50],
  ["what nothing of the kind started", { origin: "trigger/s1" }, 0],
  ["those of a target in a window", { target: "pg-0", since: "90m", until: "60m" }, 20],
] satisfies [string, Partial<ListRunsQuery>, number][])(
  "pages through %s, newest first, each once",
  async (_, filter, count) => {
    const ids = await listAll(filter);
    expect(ids).toEqual([...new Set(ids)].sort().reverse());
    expect(ids.length).toBe(count);
  },
);

test("a cursor that is not one is refused", async () => {
  await expect(listRuns(opened.db, { limit: 5, after: "x" }, NOW_MS)).rejects.toMatchObject({
    code: "CURSOR_INVALID",
  });
});

test("a final state never changes in the database, whatever asks for it", async () => {
  const rejected = await opened.db
    .selectFrom("executions")
    .select("id")
    .where("state", "=", "rejected")
    .executeTakeFirstOrThrow();
  await expect(
    moveExecution(writes(), rejected.id, { state: "running", atMs: NOW_MS }),
  ).rejects.toMatchObject({ code: "RUN_STATE_CONFLICT" });
  const forced = opened.db
    .updateTable("executions")
    .set({ state: "queued" })
    .where("id", "=", rejected.id)
    .execute();
  await expect(forced).rejects.toThrow(/final state/);
});
