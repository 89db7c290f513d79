import {
  createNotificationRequest,
  type Delivery,
  type DeliveryPage,
  type DeliveryQuery,
  definitionName,
  delivery,
  deliveryId,
  deliveryPage,
  deliveryQuery,
  notification,
  notificationPage,
  replaceNotificationRequest,
} from "@deckhand/core";
import { z } from "zod";
import { type Caller, callerOf } from "../audit/caller.ts";
import { definitionRoutes } from "../definitions/definition-routes.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import type { Vault } from "../secrets/vault.ts";
import { type Notifications, toKeptNotification, toNotificationView } from "./notifications.ts";
import type { Replay } from "./deliveries.ts";

export interface NotificationRoutesDeps {
  readonly notifications: Notifications;
  readonly vault: Pick<Vault, "seal">;
  readonly listDeliveries: (name: string, query: DeliveryQuery) => Promise<DeliveryPage>;
  readonly test: (name: string, caller: Caller) => Promise<Delivery>;
  readonly replay: (replay: Replay) => Promise<Delivery>;
}

const PATH = "/api/v1/notifications";
const TAGS = ["notifications"];
const nameParams = z.strictObject({ name: definitionName });
const deliveryParams = z.strictObject({ name: definitionName, id: deliveryId });

/** Everything under /api/v1/notifications. */
export function notificationRoutes(deps: NotificationRoutesDeps): (app: App) => void {
  const { notifications, vault } = deps;
  const kept = definitionRoutes({
    definitions: notifications,
    path: PATH,
    noun: { one: "Notification", many: "Notifications" },
    tag: "notifications",
    actions: { read: "notification.read", write: "notification.write" },
    create: createNotificationRequest,
    replace: replaceNotificationRequest,
    view: notification,
    page: notificationPage,
    toBody: (request, before, name) => toKeptNotification(vault, { name, request, before }),
    toView: toNotificationView,
  });
  return (app) => {
    kept(app);
    listRoute(app, deps);
    testRoute(app, deps);
    replayRoute(app, deps);
  };
}

function listRoute(app: App, deps: NotificationRoutesDeps): void {
  app.get(`${PATH}/:name/deliveries`, {
    config: { action: "notification.read" },
    schema: {
      operationId: "listDeliveries",
      summary: "List what was told, or is owed, newest first, with the receiver's answers",
      tags: TAGS,
      params: nameParams,
      querystring: deliveryQuery,
      response: { 200: deliveryPage, ...problemResponses(400, 404) },
    },
    handler: async ({ params, query }) => deps.listDeliveries(params.name, query),
  });
}

function testRoute(app: App, deps: NotificationRoutesDeps): void {
  app.post(`${PATH}/:name/test`, {
    config: { action: "notification.test" },
    schema: {
      operationId: "testNotification",
      summary: "Send a test now, once, and tell how that went",
      description: "Answers 200 whatever the receiver says: `state` tells.",
      tags: TAGS,
      params: nameParams,
      response: { 200: delivery, ...problemResponses(400, 404) },
    },
    handler: async (request) => deps.test(request.params.name, callerOf(request)),
  });
}

function replayRoute(app: App, deps: NotificationRoutesDeps): void {
  app.post(`${PATH}/:name/deliveries/:id/replay`, {
    config: { action: "notification.test" },
    schema: {
      operationId: "replayDelivery",
      summary: "Send one delivery again now, under its own id",
      description: "A receiver that remembers ids takes no notice of what it has had already.",
      tags: TAGS,
      params: deliveryParams,
      response: { 200: delivery, ...problemResponses(400, 404) },
    },
    handler: async (request) => {
      const { name, id } = request.params;
      return deps.replay({ name, id, caller: callerOf(request) });
    },
  });
}
