import { randomBytes } from "node:crypto";
import { type IdKind, toId } from "@deckhand/core";

/** Makes an id of now. */
export function newId(kind: IdKind): string {
  return toId(kind, Date.now(), randomBytes(10));
}
