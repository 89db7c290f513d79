import { isAppError, toDefinitionTag } from "@deckhand/core";
import type { Kysely } from "kysely";
import { OURSELVES } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Definition } from "../definitions/definition.ts";
import { giveUpAll } from "./delivery-store.ts";
import type { KeptNotification, Notifications } from "./notifications.ts";

export interface DisableDeps {
  readonly db: Kysely<Database>;
  readonly notifications: Pick<Notifications, "replace">;
}

/** Nothing more is sent to a receiver that said so; somebody who changes the notification meanwhile wins. */
export async function disableNotification(
  { db, notifications }: DisableDeps,
  notification: Definition<KeptNotification>,
  why: string,
): Promise<void> {
  const { name, body, id } = notification;
  const ifMatch = toDefinitionTag(notification);
  const disabled = { ...body, enabled: false, disabledBecause: why };
  await notifications
    .replace({ caller: OURSELVES, name, body: disabled, ifMatch })
    .catch((error: unknown) => {
      if (!isAppError(error, "VERSION_CONFLICT", "DEFINITION_NOT_FOUND")) throw error;
    });
  await giveUpAll(db, id, why);
}
