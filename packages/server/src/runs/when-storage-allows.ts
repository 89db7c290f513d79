import { isAppError } from "@deckhand/core";

const TRY_AGAIN_MS = 1_000;

/** Writes what is known only here; on a full or failing disk it waits and tries again. */
export async function whenStorageAllows<Result>(write: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isAppError(error, "STORAGE_FULL", "STORAGE_UNAVAILABLE")) throw error;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}
