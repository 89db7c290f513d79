import { createHash } from "node:crypto";
import {
  formatSelector,
  parseSelector,
  type Picked,
  pickNext,
  rotationPlace,
  type RunRequest,
  type Target,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";

/** What turns: the targets of one choice of selectors, whoever asks and for whichever script. */
export function rotationKey({
  on,
  except,
  onePerService,
}: Pick<RunRequest, "on" | "except" | "onePerService">): string {
  const normal = (all: readonly string[]) =>
    [...new Set(all.map((text) => formatSelector(parseSelector(text))))].sort();
  const parts = [normal(on), normal(except), onePerService === true];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

export interface Turn {
  readonly key: string;
  readonly targets: readonly Target[];
  readonly count: number;
  readonly atMs: number;
}

/** Says whose turn it is; the rotation stays where it is. */
export async function peekRotation(
  db: Kysely<Database>,
  { key, targets, count }: Omit<Turn, "atMs">,
): Promise<readonly Picked[]> {
  const row = await db
    .selectFrom("rotations")
    .select("last_place")
    .where("key", "=", key)
    .executeTakeFirst();
  return pickNext(targets, count, row?.last_place);
}

/** Takes a turn: of two that come at once each gets other targets. */
export async function turnRotation(db: Kysely<Database>, turn: Turn): Promise<readonly Picked[]> {
  return db.transaction().execute(async (transaction) => {
    const picked = await peekRotation(transaction, turn);
    const last = picked.at(-1);
    if (!last) return picked;
    const place = { last_place: rotationPlace(last.target), used_at: turn.atMs };
    await transaction
      .insertInto("rotations")
      .values({ key: turn.key, ...place })
      .onConflict((conflict) => conflict.column("key").doUpdateSet(place))
      .execute();
    return picked;
  });
}

export async function deleteRotations(db: Kysely<Database>, unusedSinceMs: number): Promise<void> {
  await db.deleteFrom("rotations").where("used_at", "<", unusedSinceMs).execute();
}
