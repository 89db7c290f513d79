import { join } from "node:path";
import { AppError } from "@deckhand/core";
import Sqlite from "better-sqlite3";
import { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import type { Database } from "./database.ts";
import { MIGRATIONS } from "./migrations/index.ts";
import { openSqlite, sqliteDialect } from "./sqlite-connection.ts";
import { type Synced, walSync } from "./wal-sync.ts";

export interface OpenedDatabase {
  readonly db: Kysely<Database>;
  /** To be waited for before anybody hears of a change. */
  readonly synced: Synced;
  close(): Promise<void>;
}

/**
 * Opens `deckhand.db` in the data directory, brings it to the newest schema and keeps other servers out of the
 * directory until it is closed or the process ends.
 */
export async function openDatabase(dataDir: string): Promise<OpenedDatabase> {
  const unlock = lockDirectory(dataDir);
  const path = join(dataDir, "deckhand.db");
  const db = new Kysely<Database>({ dialect: sqliteDialect(openSqlite(path)) });
  await migrate(db);
  const wal = walSync(path);
  return {
    db,
    synced: wal.synced,
    close: async () => {
      await wal.close();
      await db.destroy();
      unlock();
    },
  };
}

async function migrate(db: Kysely<Database>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    // Parts of the product that grow side by side bring their tables in any order.
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (!error) return;
  throw new AppError("STORAGE_UNAVAILABLE", {
    detail: "The database can not be brought to the schema of this version.",
    hint: "Was the data directory used by a newer Deckhand? Start that version, or restore a backup.",
    cause: error,
  });
}

/** An exclusive lock of its own file: the kernel releases it with the process, however that ends. */
function lockDirectory(dataDir: string): () => void {
  const lock = new Sqlite(join(dataDir, "server.lock"), { timeout: 0 });
  try {
    lock.exec("begin exclusive");
  } catch (cause) {
    lock.close();
    throw new AppError("STORAGE_UNAVAILABLE", {
      detail: `Another Deckhand server uses the data directory ${dataDir}.`,
      hint: "Stop that server first, or start this one with another --data-dir.",
      cause,
    });
  }
  return () => lock.close();
}
