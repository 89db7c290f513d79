import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Config } from "../config/config.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { Definition } from "../definitions/definition.ts";
import type { RunEnded } from "../runs/run-writes.ts";
import type { Vault } from "../secrets/vault.ts";
import { type AttemptResult, isTest, type NotificationEvent } from "../notifications/attempt.ts";
import {
  type DeliveriesDeps,
  readDeliveries,
  replayDelivery,
  testNotification,
} from "../notifications/deliveries.ts";
import { disableNotification } from "../notifications/disable-notification.ts";
import {
  type DeliveryDispatcher,
  deliveryDispatcher,
} from "../notifications/delivery-dispatcher.ts";
import {
  countOwed,
  type DeliveryRow,
  deleteOldDeliveries,
  giveUpAll,
} from "../notifications/delivery-store.ts";
import {
  type KeptNotification,
  type Notifications,
  notifications,
} from "../notifications/notifications.ts";
import { hideInAnswer } from "../notifications/hide-in-answer.ts";
import { notificationRoutes } from "../notifications/notifications.routes.ts";
import { openReceiver } from "../notifications/open-receiver.ts";
import { oweDeliveries, type OweDeps } from "../notifications/owe-deliveries.ts";
import { type ReachRules, reachRules } from "../notifications/reachable-address.ts";
import { sendMessage } from "../notifications/send-message.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { newId } from "../ids/new-id.ts";
import type { OpenEngines } from "./open-engines.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
const KEPT_MS = 30 * DAY_MS;
const ATTEMPT_MS = 15_000;

export interface OpenNotificationsDeps {
  readonly config: Config;
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly audit: AuditLog;
  readonly vault: Vault;
  readonly engines: Pick<OpenEngines, "targets">;
  readonly readGroups: OweDeps["readGroups"];
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Everything that tells others of the ends of runs, wired. */
export interface OpenNotifications {
  readonly routes: ReturnType<typeof notificationRoutes>;
  readonly runEnded: RunEnded;
  /** Begins to tell what an earlier process still owed. */
  start(): void;
  close(): Promise<void>;
}

export async function openNotifications(deps: OpenNotificationsDeps): Promise<OpenNotifications> {
  const { config, db, logger, vault } = deps;
  const base = { ...deps, newId, now: Date.now };
  const known = new Map<string, Definition<KeptNotification>>();
  const all = notifications({
    ...base,
    onChanged: ({ before, after }) => {
      if (before) known.delete(before.id);
      if (after) known.set(after.id, after);
    },
  });
  for (const one of await all.list()) known.set(one.id, one);
  const dispatcher = openDispatcher(deps, { all, known });
  const newDeliveryId = () => newId("delivery");
  const deliveries: DeliveriesDeps = { ...base, notifications: all, dispatcher, newDeliveryId };
  const forgetting = setInterval(() => {
    deleteOldDeliveries(db, Date.now() - KEPT_MS).catch((error: unknown) =>
      logger.warn({ err: error }, "old deliveries stay"),
    );
  }, HOUR_MS);
  return {
    routes: notificationRoutes({
      notifications: all,
      vault,
      listDeliveries: (name, query) => readDeliveries(deliveries, name, query),
      test: (name, caller) => testNotification(deliveries, name, caller),
      replay: (replay) => replayDelivery(deliveries, replay),
    }),
    runEnded: oweDeliveries({
      listNotifications: () => known.values(),
      listTargets: deps.engines.targets.list,
      readGroups: deps.readGroups,
      newDeliveryId,
      toUrl: (path) => (config.http.publicUrl ?? "") + path,
      onOwed: dispatcher.wake,
      now: Date.now,
    }),
    start: dispatcher.wake,
    close: async () => {
      clearInterval(forgetting);
      await dispatcher.close();
    },
  };
}

interface Known {
  readonly all: Notifications;
  readonly known: ReadonlyMap<string, Definition<KeptNotification>>;
}

function openDispatcher(deps: OpenNotificationsDeps, { all, known }: Known): DeliveryDispatcher {
  const { config, db, logger, metrics } = deps;
  const reach = reachRules(config.notifications.privateNetworks);
  return deliveryDispatcher({
    ...deps,
    now: Date.now,
    chance: Math.random,
    attempt: (delivery, closing) => {
      const notification = known.get(delivery.notification_id);
      return attempt({ ...deps, reach }, { delivery, notification, closing });
    },
    onGone: async ({ notification_id: id }, { status, answer }) => {
      const notification = known.get(id);
      if (status === null || !notification) return void (await giveUpAll(db, id, answer));
      const why = `The receiver answered ${status}: ${answer}`.slice(0, 500);
      await disableNotification({ db, notifications: all }, notification, why);
    },
    onAttempt: ({ id, notification_id, notification_name }, { kind, status }) => {
      const to = known.get(notification_id)?.body.to.kind ?? "none";
      metrics.deliveryAttempts.inc({ kind: to, result: kind });
      countOwed(db).then(
        (owed) => metrics.deliveriesOwed.set(owed),
        () => undefined,
      );
      if (kind === "delivered") return;
      const facts = { delivery: id, notification: notification_name, status };
      logger.warn(facts, "a notification was not delivered");
    },
    onFault: (error) => logger.warn({ err: error }, "deliveries wait"),
  });
}

interface Attempt {
  readonly delivery: DeliveryRow;
  readonly notification: Definition<KeptNotification> | undefined;
  readonly closing: AbortSignal;
}

type AttemptDeps = Pick<OpenNotificationsDeps, "vault"> & { readonly reach: ReachRules };

async function attempt(deps: AttemptDeps, one: Attempt): Promise<AttemptResult> {
  const { delivery, notification, closing } = one;
  const event = JSON.parse(delivery.body_json) as NotificationEvent;
  if (!notification) return toGone("The notification was deleted.");
  if (!notification.body.enabled && !isTest(event)) return toGone("The notification is disabled.");
  const signal = AbortSignal.any([closing, AbortSignal.timeout(ATTEMPT_MS)]);
  const message = { id: delivery.id, event };
  try {
    const receiver = openReceiver(deps.vault, notification.name, notification.body.to);
    const sending = { receiver, message, nowMs: Date.now(), signal };
    return hideInAnswer(receiver, await sendMessage(deps.reach, sending));
  } catch (error) {
    return { kind: "failed", status: null, answer: (error as Error).message };
  }
}

function toGone(answer: string): AttemptResult {
  return { kind: "gone", status: null, answer };
}
