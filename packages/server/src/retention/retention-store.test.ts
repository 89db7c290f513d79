import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OpenedDatabase, openDatabase } from "../database/open-database.ts";
import { retentionStore } from "./retention-store.ts";

let folder: string;
let opened: OpenedDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-retention-"));
  opened = await openDatabase(folder);
});
afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

async function addRun(id: string, finishedAt: number | null, sha256: string): Promise<void> {
  const plan = JSON.stringify({ program: { kind: "script", sha256 } });
  await sql`insert into runs (id, kind, title, state, counts_json, plan_json, request_json, created_at, finished_at)
    values (${id}, 'inline', 'x', 'succeeded', '{}', ${plan}, '{}', 1, ${finishedAt})`.execute(
    opened.db,
  );
  await sql`insert into executions (id, run_id, position, target_id, target_name, engine, container_id, image, state, queued_at, stored_bytes)
    values (${`exe_${id}`}, ${id}, 0, 't', 't', 'e', 'c', 'i', 'succeeded', 1, 7)`.execute(
    opened.db,
  );
  await sql`insert or ignore into script_texts values (${sha256}, 'text')`.execute(opened.db);
  await sql`insert into run_inputs values (${id}, x'00')`.execute(opened.db);
  await sql`insert into schedule_fires (schedule_id, due_at, decided_at, cause, result, run_id)
    values ('s', ${Number(id.slice(-1))}, 1, 'time', 'started', ${id})`.execute(opened.db);
}

const count = async (table: string) => {
  const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(
    opened.db,
  );
  return rows[0]?.n;
};

test("with a run goes what is its own; an open run and other histories stay", async () => {
  const store = retentionStore(opened.db);
  await addRun("run_1", 5, "a");
  await addRun("run_2", 5, "b");
  await addRun("run_3", null, "b");
  await store.take({ expired: [], deleted: ["run_1", "run_2", "run_3"], atMs: 9 });
  for (const table of ["runs", "executions", "run_inputs", "script_texts"])
    expect([table, await count(table)]).toEqual([table, 1]);
  expect(await count("schedule_fires")).toBe(3);
  expect(await store.listRemovals()).toEqual(["run_1", "run_2"]);
  await store.removed(["run_1", "run_2"]);
  expect(await store.listRemovals()).toEqual([]);
});

test("output that is gone counts no more", async () => {
  const store = retentionStore(opened.db);
  await addRun("run_1", 5, "a");
  await addRun("run_2", 5, "a");
  await store.take({ expired: ["run_1"], deleted: [], atMs: 9 });
  expect(await store.listOlder("run_~", 9)).toMatchObject([
    { id: "run_2", outputBytes: 7, isOutputGone: false },
    { id: "run_1", outputBytes: 0, isOutputGone: true },
  ]);
});

test("a message or a request that has started a run that is gone starts no other", async () => {
  await addRun("run_1", 5, "a");
  await sql`insert into trigger_fires values ('trg', 'msg_1', 'run_1', 1)`.execute(opened.db);
  await sql`insert into idempotency_keys values ('tok', 'key', '0', 'run_1', 1)`.execute(opened.db);
  await retentionStore(opened.db).take({ expired: [], deleted: ["run_1"], atMs: 9 });
  for (const table of ["trigger_fires", "idempotency_keys"])
    expect([table, await count(table)]).toEqual([table, 1]);
});
