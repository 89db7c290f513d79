import { AppError, type Target } from "@deckhand/core";

/** What targets are listed by: it stays the same while others come and go. */
export function toTargetKey({ engine, name, id }: Pick<Target, "engine" | "name" | "id">): string {
  return [engine, name, id].join("\u0000");
}

export function toTargetCursor(last: Pick<Target, "engine" | "name" | "id">): string {
  return Buffer.from(toTargetKey(last)).toString("base64url");
}

/** Gives the key after which to go on; throws CURSOR_INVALID. */
export function readTargetCursor(cursor: string): string {
  const key = Buffer.from(cursor, "base64url").toString();
  const isOurs =
    key.split("\u0000").length === 3 && Buffer.from(key).toString("base64url") === cursor;
  if (isOurs) return key;
  throw new AppError("CURSOR_INVALID", {
    detail: `${JSON.stringify(cursor.slice(0, 100))} is no cursor of this list.`,
    hint: "Give `next` of the page before, or nothing for the first page.",
  });
}
