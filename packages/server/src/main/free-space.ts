import { statfs } from "node:fs/promises";
import { AppError } from "@deckhand/core";

/** What running executions need to write down how they ended. */
const KEPT_FREE_BYTES = 16 * 1024 * 1024;

/** Runs that come close together look once. */
const LOOK_AFTER_MS = 200;

/** How much is free on the disk of a directory; what was seen a moment ago will do. */
export function freeSpace(directory: string): () => Promise<number> {
  let seen: Promise<number> | undefined;
  let seenAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (seen && performance.now() - seenAtMs < LOOK_AFTER_MS) return seen;
    seenAtMs = performance.now();
    seen = statfs(directory).then(({ bavail, bsize }) => bavail * bsize);
    return seen;
  };
}

/** Refuses with STORAGE_FULL while the data directory's disk is nearly full. */
export async function assertFreeSpace(findFreeBytes: () => Promise<number>): Promise<void> {
  const freeBytes = await findFreeBytes();
  if (freeBytes >= KEPT_FREE_BYTES) return;
  throw new AppError("STORAGE_FULL", {
    detail: `Only ${Math.floor(freeBytes / 1024)} KiB are free on the disk of the data directory; new runs need 16 MiB.`,
    hint: "Free some space; the server accepts runs again by itself.",
    extra: { retryAfterSeconds: 10 },
  });
}

/** Sentences about what keeps the data directory from taking runs. */
export async function storageProblems(findFreeBytes: () => Promise<number>): Promise<string[]> {
  return assertFreeSpace(findFreeBytes).then(
    () => [],
    (error: Error) => [error.message],
  );
}
