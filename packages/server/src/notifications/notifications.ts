import {
  type Notification,
  parseSelector,
  type ReplaceNotificationRequest,
  tellRule,
} from "@deckhand/core";
import { z } from "zod";
import type { Definition, DefinitionChange, DefinitionKind } from "../definitions/definition.ts";
import { toDefinitionView } from "../definitions/definition-routes.ts";
import { type Definitions, type DefinitionsDeps, definitions } from "../definitions/definitions.ts";
import type { Vault } from "../secrets/vault.ts";
import { type KeptReceiver, keptReceiver, sealReceiver } from "./open-receiver.ts";

/** A notification as it is kept. */
const keptNotification = z.object({
  to: keptReceiver,
  enabled: z.boolean(),
  disabledBecause: z.string().nullable(),
  tell: tellRule,
  description: z.string(),
});
export type KeptNotification = z.infer<typeof keptNotification>;
export type Notifications = Definitions<KeptNotification>;

export interface NotificationsDeps extends DefinitionsDeps {
  readonly onChanged: (change: DefinitionChange<KeptNotification>) => void;
}

/** Whom to tell of the ends of which runs. */
export function notifications({ onChanged, ...deps }: NotificationsDeps): Notifications {
  const kind: DefinitionKind<KeptNotification> = {
    kind: "notification",
    words: { one: "notification", many: "notifications", command: "deckhand notifications" },
    action: "notification.write",
    body: keptNotification,
    onChange: async ({ after }) => {
      for (const text of after?.body.tell.on ?? []) parseSelector(text);
    },
    onChanged,
  };
  return definitions(deps, kind);
}

export interface Asked {
  readonly name: string;
  readonly request: ReplaceNotificationRequest;
  readonly before: Definition<KeptNotification> | undefined;
}

/** Turns what was asked for into what is kept; to save one anew is to want it again. */
export function toKeptNotification(
  vault: Pick<Vault, "seal">,
  { name, request, before }: Asked,
): KeptNotification {
  const { to, ...rest } = request;
  const kept = sealReceiver(vault, { name, receiver: to, before: before?.body.to });
  return { ...rest, to: kept, disabledBecause: null };
}

/** Shows a notification, without what is secret. */
export function toNotificationView(definition: Definition<KeptNotification>): Notification {
  const { to, ...rest } = definition.body;
  return { ...toDefinitionView(definition), ...rest, to: toReceiverView(to) };
}

function toReceiverView(to: KeptReceiver): Notification["to"] {
  switch (to.kind) {
    case "webhook":
      return { kind: to.kind, url: to.url };
    case "slack":
      return { kind: to.kind, host: to.host, text: to.text ?? null };
    case "email": {
      const { sealedPassword, user, ...smtp } = to.smtp;
      const shown = { ...smtp, user: user ?? null, hasPassword: sealedPassword !== undefined };
      return { ...to, smtp: shown, subject: to.subject ?? null, text: to.text ?? null };
    }
  }
}
