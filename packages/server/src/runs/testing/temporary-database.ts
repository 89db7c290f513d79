import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type OpenedDatabase, openDatabase } from "../../database/open-database.ts";

export interface TemporaryDatabase {
  readonly folder: string;
  readonly opened: OpenedDatabase;
}

/** A database in a folder of its own, for all tests of a file; there once the first of them begins. */
export function temporaryDatabase(): TemporaryDatabase {
  const database = {} as { folder: string; opened: OpenedDatabase };
  beforeAll(async () => {
    database.folder = await mkdtemp(join(tmpdir(), "deckhand-runs-"));
    database.opened = await openDatabase(database.folder);
  });
  afterAll(async () => {
    await database.opened.close();
    await rm(database.folder, { recursive: true, force: true });
  });
  return database;
}
