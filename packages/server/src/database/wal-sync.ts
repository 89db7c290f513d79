import { fdatasyncSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { toStorageError } from "./storage-errors.ts";

/** To ask another thread takes longer than a disk of this kind; a slower one must not hold up everybody else. */
const QUICK_MS = 0.2;
/** One wait in so many is ours also while the disk is slow, to see whether it still is. */
const LOOK_AGAIN_AFTER = 100;

/** Resolves when everything that was committed before the call is on the disk. */
export type Synced = () => Promise<void>;

export interface WalSync {
  readonly synced: Synced;
  close(): Promise<void>;
}

/**
 * Brings the write-ahead log to the disk for many commits at once, and beside the main thread unless the disk is quick; SQLite's
 * own way is one wait for each commit. What a checkpoint moves into the database file SQLite brings to the disk itself.
 */
export function walSync(databasePath: string): WalSync {
  let file: Promise<FileHandle> | undefined;
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  let threadsTurns = 0;

  async function sync(): Promise<void> {
    try {
      file ??= openLog(databasePath);
      const log = await file;
      if (threadsTurns > 0) {
        threadsTurns -= 1;
        await log.datasync();
      } else if (!waitHere(log)) threadsTurns = LOOK_AGAIN_AFTER;
    } catch (error) {
      file = undefined;
      throw toStorageError(error);
    }
  }

  return {
    synced: () => {
      // One that already runs may have begun before our commit; the one after it did not. It begins when this turn's work
      // is done: a run that is accepted and its start, which follows at once, wait for the disk together.
      next ??= running.then(endOfTurn).then(() => {
        next = undefined;
        const current = sync();
        running = current.catch(() => {});
        return current;
      });
      return next;
    },
    close: async () => {
      await running;
      await (await file?.catch(() => undefined))?.close();
    },
  };
}

/** Tells whether the disk was quick. */
function waitHere({ fd }: FileHandle): boolean {
  const from = performance.now();
  fdatasyncSync(fd);
  return performance.now() - from < QUICK_MS;
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The log's name in its directory has to last as well. */
async function openLog(databasePath: string): Promise<FileHandle> {
  const directory = await open(dirname(databasePath), "r");
  await directory.sync();
  await directory.close();
  return open(`${databasePath}-wal`, "r");
}
