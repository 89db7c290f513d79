import { statfs } from "node:fs/promises";
import { AppError } from "@deckhand/core";

/** What running executions need to write down how they ended. */
const KEPT_FREE_BYTES = 16 * 1024 * 1024;

/** Refuses with STORAGE_FULL while the data directory's disk is nearly full. */
export async function assertFreeSpace(dataDir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dataDir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= KEPT_FREE_BYTES) return;
  throw new AppError("STORAGE_FULL", {
    detail: `Only ${Math.floor(freeBytes / 1024)} KiB are free on the disk of the data directory; new runs need 16 MiB.`,
    hint: "Free some space; the server accepts runs again by itself.",
    extra: { retryAfterSeconds: 10 },
  });
}

/** Sentences about what keeps the data directory from taking runs. */
export async function storageProblems(dataDir: string): Promise<string[]> {
  return assertFreeSpace(dataDir).then(
    () => [],
    (error: Error) => [error.message],
  );
}
