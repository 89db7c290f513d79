import { closeSync, openSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { SqliteAdapter, SqliteDialect, type SqliteDatabase, type SqliteStatement } from "kysely";
import { toStorageError } from "./storage-errors.ts";

const CACHED_STATEMENTS = 256;

/** Pages in the log before SQLite moves them to the database: each time costs two waits for the disk. */
const CHECKPOINT_PAGES = 4_000;

/** Opens the file in WAL mode; a commit is whole or not there, and on the disk once `walSync` says so. */
export function openSqlite(path: string): Sqlite.Database {
  try {
    // SQLite gives its other files the same rights as this one.
    closeSync(openSync(path, "a", 0o600));
    const sqlite = new Sqlite(path);
    sqlite.pragma("journal_mode = WAL");
    sqlite.pragma("synchronous = NORMAL");
    sqlite.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    // What is deleted from a page that is written anyway is overwritten in it.
    sqlite.pragma("secure_delete = FAST");
    sqlite.pragma("foreign_keys = ON");
    sqlite.pragma("busy_timeout = 5000");
    sqlite.pragma("cache_size = -8000");
    return sqlite;
  } catch (error) {
    throw toStorageError(error);
  }
}

/** Kysely's way to a connection; `rows.ts` knows a shorter one. */
export function sqliteDialect(sqlite: Sqlite.Database): SqliteDialect {
  const connection = toConnection(sqlite);
  const dialect = new SqliteDialect({ database: connection });
  dialect.createAdapter = () => new ConnectedAdapter(connection);
  return dialect;
}

/** Leads from a `Kysely`, or a transaction, to the one connection that is behind it. */
export class ConnectedAdapter extends SqliteAdapter {
  readonly connection: Connection;

  constructor(connection: Connection) {
    super();
    this.connection = connection;
  }
}

export interface Connection extends SqliteDatabase {
  readonly inTransaction: boolean;
}

/** Keeps prepared statements and translates errors. */
function toConnection(sqlite: Sqlite.Database): Connection {
  const statements = new Map<string, SqliteStatement>();
  return {
    get inTransaction() {
      return sqlite.inTransaction;
    },
    close: () => sqlite.close(),
    prepare: (sql) => {
      const known = statements.get(sql);
      if (known) return known;
      if (statements.size >= CACHED_STATEMENTS) statements.clear();
      const prepared = guardStatement(translated(() => sqlite.prepare(sql)));
      const statement = sql === "rollback" ? onlyWithin(sqlite, prepared) : prepared;
      statements.set(sql, statement);
      return statement;
    },
  };
}

/**
 * A full disk makes SQLite roll back by itself, and a second rollback would be an error in place of the one that tells of
 * the disk.
 */
function onlyWithin(sqlite: Sqlite.Database, rollback: SqliteStatement): SqliteStatement {
  return {
    ...rollback,
    run: (parameters) =>
      sqlite.inTransaction ? rollback.run(parameters) : { changes: 0, lastInsertRowid: 0 },
  };
}

function guardStatement(statement: Sqlite.Statement): SqliteStatement {
  return {
    reader: statement.reader,
    all: (parameters) => translated(() => statement.all(parameters)),
    run: (parameters) => translated(() => statement.run(parameters)),
    iterate: (parameters) => translated(() => statement.iterate(parameters)),
  };
}

function translated<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw toStorageError(error);
  }
}
