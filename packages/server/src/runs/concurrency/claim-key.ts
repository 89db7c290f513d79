import type { Concurrency, OutcomeReason } from "@deckhand/core";
import type { Transaction } from "kysely";
import type { Database } from "../../database/database.ts";

/** A run's place among the open runs of its key. */
export interface KeyClaim {
  readonly ticket: number;
  /** Why its executions do not start at once; `undefined` when the key was free. */
  readonly held:
    | { readonly state: "queued" | "skipped"; readonly reason: OutcomeReason }
    | undefined;
}

/** Takes a number behind the open runs of the key; the one with the lowest has it. */
export async function claimKey(
  transaction: Transaction<Database>,
  { key, onConflict }: Concurrency,
): Promise<KeyClaim> {
  const holder = await openRunOf(transaction, key, "asc");
  const last = holder && (await openRunOf(transaction, key, "desc"));
  if (!holder || !last) return { ticket: 0, held: undefined };
  const ticket = (last.concurrency_ticket ?? 0) + 1;
  if (onConflict === "skip") return { ticket, held: toSkipped(key, holder.id) };
  const before = onConflict === "queue" ? last.id : holder.id;
  const detail =
    onConflict === "queue"
      ? `Waits behind ${before}, which has the concurrency key ${key} or waits for it too.`
      : `Waits for the end of ${before}, whose concurrency key ${key} it takes over.`;
  return { ticket, held: { state: "queued", reason: { code: "waiting-for-run", detail } } };
}

async function openRunOf(
  transaction: Transaction<Database>,
  key: string,
  direction: "asc" | "desc",
) {
  return transaction
    .selectFrom("runs")
    .select(["id", "concurrency_ticket"])
    .where("concurrency_key", "=", key)
    .where("finished_at", "is", null)
    .orderBy("concurrency_ticket", direction)
    .limit(1)
    .executeTakeFirst();
}

function toSkipped(key: string, holder: string): KeyClaim["held"] {
  const detail = `${holder} has the concurrency key ${key}.`;
  return { state: "skipped", reason: { code: "key-taken", detail } };
}
