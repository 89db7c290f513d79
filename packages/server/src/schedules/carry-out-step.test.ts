import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError, type ErrorCode } from "@deckhand/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OpenedDatabase, openDatabase } from "../database/open-database.ts";
import { vault } from "../secrets/vault.ts";
import { carryOutStep } from "./carry-out-step.ts";
import { findLastFire } from "./fire-store.ts";
import { saveState } from "./schedule-state-store.ts";
import { storedSchedule } from "./stored-schedule.ts";

const DUE_MS = Date.parse("2026-11-20T12:00:00Z");
const BODY = { cron: "@hourly", run: { script: "x", on: ["y"] }, missed: { grace: "1m" } };
const SCHEDULE = {
  ...{ id: "sch_1", name: "nightly", version: 1, createdAtMs: 0, updatedAtMs: 0 },
  by: { tokenId: null, name: "ann" },
  body: storedSchedule.parse(BODY),
};

let folder: string;
let opened: OpenedDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-fires-"));
  opened = await openDatabase(folder);
  const state = { scheduleId: "sch_1", decidedMs: 0, timing: "", pause: undefined };
  await saveState(opened.db, state);
});

afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

/** What becomes of the time that is due when nothing can be started, so long after it. */
async function refuse(code: ErrorCode, lateMs: number) {
  const deps = {
    db: opened.db,
    vault: vault(new Uint8Array(32)),
    now: () => DUE_MS + lateMs,
    submit: () => Promise.reject(new AppError(code, { detail: "not now" })),
    sealLate: async () => undefined,
    observe: () => {},
  };
  const step = { kind: "fire", dueMs: DUE_MS, cause: "due" } as const;
  return carryOutStep(deps, SCHEDULE, { step, startsMs: DUE_MS });
}

test.each(["QUEUE_FULL", "ENGINE_UNREACHABLE", "SCRIPT_STORE_UNAVAILABLE"] as const)(
  "%s passes, so the time is tried again as long as it is in time, and then refused",
  async (code) => {
    expect(await refuse(code, 1_000)).toMatchObject({ kind: "later" });
    expect(await findLastFire(opened.db, "sch_1")).toBeUndefined();
    expect(await refuse(code, 59_000)).toEqual({ kind: "decided" });
    expect(await findLastFire(opened.db, "sch_1")).toMatchObject({ result: "refused", code });
  },
);

test("what is wrong with the schedule itself is refused at once", async () => {
  expect(await refuse("SCRIPT_NOT_FOUND", 0)).toEqual({ kind: "decided" });
  expect(await findLastFire(opened.db, "sch_1")).toMatchObject({ code: "SCRIPT_NOT_FOUND" });
});
