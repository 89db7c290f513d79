import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@deckhand/core";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OpenedDatabase, openDatabase } from "../database/open-database.ts";
import type { AttemptResult } from "./attempt.ts";
import { deliveryDispatcher } from "./delivery-dispatcher.ts";
import { findDelivery, insertDeliveries } from "./delivery-store.ts";

let folder: string;
let opened: OpenedDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-deliveries-"));
  opened = await openDatabase(folder);
});

afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

const delivered: AttemptResult = { kind: "delivered", status: 204, answer: "" };

async function owe(id: string): Promise<void> {
  const event = {
    type: "notification.test",
    timestamp: "",
    data: { notification: "ops", by: "" },
  } as const;
  const notification = { id: "ntf_1", name: "ops" };
  await insertDeliveries(opened.db, [{ id, notification, runId: null, event, atMs: 0 }]);
}

/** Tells until it is owed no more, or until the first fault. */
async function deliver(options: {
  readonly synced: () => Promise<void>;
  readonly onFault: () => Promise<unknown>;
}) {
  const seen = { attempts: 0, faults: 0 };
  const dispatcher = deliveryDispatcher({
    db: opened.db,
    synced: options.synced,
    now: Date.now,
    chance: () => 0,
    attempt: async () => {
      seen.attempts += 1;
      return delivered;
    },
    onGone: async () => {},
    onAttempt: () => {},
    onFault: () => {
      seen.faults += 1;
      void options.onFault();
    },
  });
  await dispatcher.deliverNow("dlv_1");
  await dispatcher.close();
  return seen;
}

test("what was told is told once, also when it can not be written down at first", async () => {
  await owe("dlv_1");
  await sql`create trigger no_room before update on deliveries begin select raise(abort, 'no room'); end`.execute(
    opened.db,
  );
  const makeRoom = () => sql`drop trigger no_room`.execute(opened.db);
  const seen = await deliver({ synced: opened.synced, onFault: makeRoom });
  expect(seen).toEqual({ attempts: 1, faults: 1 });
  expect(await findDelivery(opened.db, "dlv_1")).toMatchObject({ state: "delivered", attempts: 1 });
});

test("where the disk has no room nothing is told, and nobody asks it all the time", async () => {
  await owe("dlv_1");
  const full = () => Promise.reject(new AppError("STORAGE_FULL", { detail: "no room" }));
  const seen = await deliver({ synced: full, onFault: async () => {} });
  expect(seen).toEqual({ attempts: 0, faults: 1 });
  expect(await findDelivery(opened.db, "dlv_1")).toMatchObject({ state: "owed", attempts: 0 });
});
