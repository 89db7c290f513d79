import { randomFillSync } from "node:crypto";
import { type IdKind, toId } from "@deckhand/core";

const BYTES = 10;

/** Random bytes for many ids: to fetch them takes as long for one as for all. */
const pool = new Uint8Array(400 * BYTES);
let used = pool.length;

/** Makes an id of now. */
export function newId(kind: IdKind, nowMs: number = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return toId(kind, nowMs, pool.subarray(used - BYTES, used));
}
