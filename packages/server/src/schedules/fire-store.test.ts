import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../database/open-database.ts";
import { insertFire, pruneFires } from "./fire-store.ts";

test("of each schedule the newest are kept", async () => {
  const folder = await mkdtemp(join(tmpdir(), "deckhand-fires-"));
  const { db, close } = await openDatabase(folder);
  for (const [place, schedule_id] of [..."abacaba"].entries())
    await insertFire(db, {
      ...{ schedule_id, due_at: place, decided_at: place },
      ...{ cause: "due", result: "started" },
    });
  await pruneFires(db, 2);
  const left = await db.selectFrom("schedule_fires").select(["schedule_id", "due_at"]).execute();
  expect(left.map(({ schedule_id, due_at }) => `${schedule_id}${due_at}`).sort()).toEqual([
    ...["a4", "a6", "b1", "b5", "c3"],
  ]);
  await close();
  await rm(folder, { recursive: true, force: true });
});
