import { AppError, type DeliveryQuery } from "@deckhand/core";
import { type Kysely, type Selectable, sql } from "kysely";
import type { Database, DeliveriesTable } from "../database/database.ts";
import type { NotificationEvent } from "./attempt.ts";

export type DeliveryRow = Selectable<DeliveriesTable>;

export interface NewDelivery {
  readonly id: string;
  readonly notification: { readonly id: string; readonly name: string };
  readonly runId: string | null;
  readonly event: NotificationEvent;
  readonly atMs: number;
}

/** Writes down what is owed. */
export async function insertDeliveries(
  db: Kysely<Database>,
  owed: readonly NewDelivery[],
): Promise<void> {
  if (owed.length === 0) return;
  await db.insertInto("deliveries").values(owed.map(toRow)).execute();
}

function toRow({ id, notification, runId, event, atMs }: NewDelivery): DeliveryRow {
  return {
    id,
    notification_id: notification.id,
    notification_name: notification.name,
    event: event.type,
    run_id: runId,
    body_json: JSON.stringify(event),
    state: "owed",
    attempts: 0,
    created_at: atMs,
    next_attempt_at: atMs,
    last_attempt_at: null,
    last_status: null,
    last_answer: null,
  };
}

/** Whom something is owed to, found by one step of the index for each: a receiver that is away can be owed very much. */
async function listOwedTo(db: Kysely<Database>): Promise<readonly string[]> {
  const next = sql`select min(notification_id) from deliveries where state = 'owed'`;
  const { rows } = await sql<{ id: string }>`
    with recursive receivers (id) as (
      ${next}
      union all
      select (${next} and notification_id > receivers.id) from receivers where id is not null
    ) select id from receivers where id is not null`.execute(db);
  return rows.map(({ id }) => id);
}

/** The oldest of what is due now, at most so many for each receiver: one that is away holds up no other. */
export async function listDue(
  db: Kysely<Database>,
  { nowMs, perNotification }: { readonly nowMs: number; readonly perNotification: number },
): Promise<DeliveryRow[]> {
  const due: DeliveryRow[] = [];
  for (const notificationId of await listOwedTo(db)) {
    const oldest = db
      .selectFrom("deliveries")
      .selectAll()
      .where("state", "=", "owed")
      .where("notification_id", "=", notificationId)
      .where("next_attempt_at", "<=", nowMs)
      .orderBy("next_attempt_at")
      .orderBy("id")
      .limit(perNotification);
    due.push(...(await oldest.execute()));
  }
  return due;
}

/** When the next attempt is due that is not due yet. */
export async function findNextDueMs(
  db: Kysely<Database>,
  nowMs: number,
): Promise<number | undefined> {
  let next: number | undefined;
  for (const notificationId of await listOwedTo(db)) {
    const { first } = await db
      .selectFrom("deliveries")
      .select(({ fn }) => fn.min("next_attempt_at").as("first"))
      .where("state", "=", "owed")
      .where("notification_id", "=", notificationId)
      .where("next_attempt_at", ">", nowMs)
      .executeTakeFirstOrThrow();
    if (first !== null && first < (next ?? Number.POSITIVE_INFINITY)) next = first;
  }
  return next;
}

/** How an attempt changed a delivery. */
export type DeliveryChange = Pick<
  DeliveryRow,
  "state" | "attempts" | "next_attempt_at" | "last_attempt_at" | "last_status" | "last_answer"
>;

/** Only what is still owed changes: somebody may have given it up meanwhile. */
export async function updateDelivery(
  db: Kysely<Database>,
  id: string,
  change: Partial<DeliveryChange>,
): Promise<void> {
  await db
    .updateTable("deliveries")
    .set(change)
    .where("id", "=", id)
    .where("state", "=", "owed")
    .execute();
}

/** Ends everything that is owed to a receiver; gives how much it was. */
export async function giveUpAll(
  db: Kysely<Database>,
  notificationId: string,
  why: string,
): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable("deliveries")
    .set({ state: "given-up", next_attempt_at: null, last_answer: why })
    .where("notification_id", "=", notificationId)
    .where("state", "=", "owed")
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Owes it once more, under the same id. */
export async function oweAgain(db: Kysely<Database>, id: string, atMs: number): Promise<void> {
  await db
    .updateTable("deliveries")
    .set({ state: "owed", attempts: 0, next_attempt_at: atMs })
    .where("id", "=", id)
    .execute();
}

export async function findDelivery(
  db: Kysely<Database>,
  id: string,
): Promise<DeliveryRow | undefined> {
  return db.selectFrom("deliveries").selectAll().where("id", "=", id).executeTakeFirst();
}

export interface DeliveryRange extends DeliveryQuery {
  readonly notificationId: string;
}

/** Newest first. */
export async function listDeliveries(
  db: Kysely<Database>,
  { notificationId, state, limit, after }: DeliveryRange,
): Promise<DeliveryRow[]> {
  let query = db
    .selectFrom("deliveries")
    .selectAll()
    .where("notification_id", "=", notificationId)
    .orderBy("id", "desc")
    .limit(limit);
  if (state !== undefined) query = query.where("state", "=", state);
  if (after !== undefined) query = query.where("id", "<", readCursor(after));
  return query.execute();
}

function readCursor(after: string): string {
  if (/^dlv_[0-9a-z]{26}$/.test(after)) return after;
  throw new AppError("CURSOR_INVALID", {
    detail: `${JSON.stringify(after.slice(0, 100))} is no cursor of this list.`,
    hint: "Give `next` of the page before, or nothing for the first page.",
  });
}

/** How much is owed to all receivers. */
export async function countOwed(db: Kysely<Database>): Promise<number> {
  const { owed } = await db
    .selectFrom("deliveries")
    .select(({ fn }) => fn.countAll<number>().as("owed"))
    .where("state", "=", "owed")
    .executeTakeFirstOrThrow();
  return owed;
}

/** Forgets what was told or given up long ago. */
export async function deleteOldDeliveries(db: Kysely<Database>, beforeMs: number): Promise<void> {
  await db
    .deleteFrom("deliveries")
    .where("state", "!=", "owed")
    .where("created_at", "<", beforeMs)
    .execute();
}
