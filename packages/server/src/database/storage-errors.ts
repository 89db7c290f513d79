import { AppError, type ErrorCode } from "@deckhand/core";

const CODE_BY_SQLITE_CODE: Readonly<Record<string, ErrorCode>> = {
  SQLITE_FULL: "STORAGE_FULL",
  SQLITE_IOERR: "STORAGE_UNAVAILABLE",
  SQLITE_READONLY: "STORAGE_UNAVAILABLE",
  SQLITE_CANTOPEN: "STORAGE_UNAVAILABLE",
  SQLITE_CORRUPT: "STORAGE_UNAVAILABLE",
  SQLITE_NOTADB: "STORAGE_UNAVAILABLE",
  SQLITE_BUSY: "STORAGE_UNAVAILABLE",
  ENOSPC: "STORAGE_FULL",
  EDQUOT: "STORAGE_FULL",
  EROFS: "STORAGE_UNAVAILABLE",
  EIO: "STORAGE_UNAVAILABLE",
  EACCES: "STORAGE_UNAVAILABLE",
  EMFILE: "STORAGE_UNAVAILABLE",
};

const HINTS: Partial<Record<ErrorCode, string>> = {
  STORAGE_FULL: "Free space on the disk of the data directory; the server recovers by itself.",
  STORAGE_UNAVAILABLE: "Look at the server's log and at the data directory's disk and permissions.",
};

/** Translates what SQLite and the file system throw; anything else comes back as it is. */
export function toStorageError(error: unknown): unknown {
  const sqliteCode = codeOf(error);
  const code = CODE_BY_SQLITE_CODE[sqliteCode] ?? CODE_BY_SQLITE_CODE[withoutDetail(sqliteCode)];
  if (!code) return error;
  const detail = `The data directory can not be written (${sqliteCode}).`;
  return new AppError(code, { detail, hint: HINTS[code] ?? "", cause: error });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/** SQLite's extended codes begin with the plain one: SQLITE_IOERR_WRITE. */
function withoutDetail(code: string): string {
  return code.split("_").slice(0, 2).join("_");
}
