import { AppError, type Delivery, type DeliveryPage, type DeliveryQuery } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caller } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { DeliveryDispatcher } from "./delivery-dispatcher.ts";
import {
  type DeliveryRow,
  findDelivery,
  insertDeliveries,
  listDeliveries,
  oweAgain,
} from "./delivery-store.ts";
import type { Notifications } from "./notifications.ts";

export interface DeliveriesDeps {
  readonly db: Kysely<Database>;
  readonly notifications: Pick<Notifications, "get">;
  readonly dispatcher: Pick<DeliveryDispatcher, "deliverNow">;
  readonly audit: Pick<AuditLog, "record">;
  readonly newDeliveryId: () => string;
  readonly now: () => number;
}

/** A page of what one notification told, newest first. */
export async function readDeliveries(
  { db, notifications }: DeliveriesDeps,
  name: string,
  query: DeliveryQuery,
): Promise<DeliveryPage> {
  const { id: notificationId } = await notifications.get(name);
  const rows = await listDeliveries(db, { ...query, notificationId, limit: query.limit + 1 });
  const data = rows.slice(0, query.limit).map(toDeliveryView);
  return { data, next: rows.length > query.limit ? (data.at(-1)?.id ?? null) : null };
}

/** Sends a test and gives how that went. */
export async function testNotification(
  deps: DeliveriesDeps,
  name: string,
  caller: Caller,
): Promise<Delivery> {
  const notification = await deps.notifications.get(name);
  const [id, atMs] = [deps.newDeliveryId(), deps.now()];
  const by = caller.principal?.name ?? "nobody";
  const event = {
    type: "notification.test",
    timestamp: new Date(atMs).toISOString(),
    data: { notification: name, by },
  } as const;
  await insertDeliveries(deps.db, [{ id, notification, runId: null, event, atMs }]);
  return deliverNow(deps, { id, name, verb: "test", caller });
}

/** Which delivery is sent again. */
export interface Replay {
  readonly name: string;
  readonly id: string;
  readonly caller: Caller;
}

/** Sends a delivery again, whatever became of it. */
export async function replayDelivery(deps: DeliveriesDeps, replay: Replay): Promise<Delivery> {
  const { name, id, caller } = replay;
  const notification = await deps.notifications.get(name);
  const found = await findDelivery(deps.db, id);
  if (found?.notification_id !== notification.id) throw unknownDelivery(name, id);
  await oweAgain(deps.db, id, deps.now());
  return deliverNow(deps, { id, name, verb: "replay", caller });
}

interface Now extends Replay {
  readonly verb: "test" | "replay";
}

async function deliverNow(
  { db, dispatcher, audit }: DeliveriesDeps,
  { id, name, verb, caller }: Now,
): Promise<Delivery> {
  const detail = { verb, delivery: id };
  const entry = { action: "notification.test", object: name, outcome: "allowed", detail } as const;
  await audit.record({ caller, ...entry });
  await dispatcher.deliverNow(id);
  const row = await findDelivery(db, id);
  if (!row) throw unknownDelivery(name, id);
  return toDeliveryView(row);
}

function unknownDelivery(name: string, id: string): AppError {
  return new AppError("DELIVERY_NOT_FOUND", {
    detail: `The notification ${name} has no delivery ${id}.`,
    hint: `List them with \`deckhand notifications deliveries ${name}\`.`,
  });
}

function toDeliveryView(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    notification: row.notification_name,
    event: row.event,
    runId: row.run_id,
    state: row.state as Delivery["state"],
    attempts: row.attempts,
    createdAt: new Date(row.created_at).toISOString(),
    lastAttemptAt: toTime(row.last_attempt_at),
    nextAttemptAt: toTime(row.next_attempt_at),
    lastStatus: row.last_status,
    lastAnswer: row.last_answer,
    body: JSON.parse(row.body_json) as Record<string, unknown>,
  };
}

function toTime(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}
