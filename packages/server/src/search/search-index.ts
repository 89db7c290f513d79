import { rmSync } from "node:fs";
import Sqlite from "better-sqlite3";
import type { OutputHit, TextRange } from "@deckhand/core";

/** A file of another version is made anew. */
const SCHEMA_VERSION = 1;
const CACHE_KIB = 2_000;
/** So many lines in one transaction, so that nobody waits long. */
const LINES_AT_ONCE = 250;
/** How many hits one request looks at, and how long, before it says where to go on. */
const HITS_AT_ONCE = 500;
const MOST_LOOKED_MS = 150;
const [BEGIN, END] = ["\u0002", "\u0003"];

/** One stream of an execution. */
export interface SearchedStream
  extends Pick<OutputHit, "runId" | "executionId" | "target" | "script" | "stream"> {
  readonly targetId: string;
  readonly state: string;
  readonly finishedAtMs: number;
}

export interface SearchedLines {
  readonly stream: SearchedStream;
  readonly lines: readonly string[];
}

export interface FoundLine extends SearchedStream {
  readonly line: number;
  readonly text: string;
  readonly matches: readonly TextRange[];
}

export interface FindLines {
  /** In the words of SQLite's full-text search. */
  readonly query: string;
  readonly limit: number;
  /** Lines below this one, which an earlier answer gave. */
  readonly below: number | undefined;
  readonly isWanted: (stream: SearchedStream) => boolean;
}

export interface FoundLines {
  readonly lines: readonly FoundLine[];
  readonly next: number | undefined;
}

export interface SearchIndex {
  /** True until it was said that all that had ended before is on its way in. */
  readonly isNew: boolean;
  noteFilled(): void;
  /** Newest first. */
  find(options: FindLines): FoundLines;
  put(stream: SearchedStream, lines: readonly string[], pause: () => Promise<void>): Promise<void>;
  /** Puts in several at once that have few lines; all or nothing. */
  putShort(streams: readonly SearchedLines[]): void;
  forget(executionId: string, pause: () => Promise<void>): Promise<void>;
  close(): void;
}

interface StreamRow {
  readonly stream_json: string;
  readonly first: number;
  readonly last: number;
  readonly ready: number;
}

/** Opens the index in a file of its own; one that can not be used is made anew, as all of it can be. */
export function openSearchIndex(path: string): SearchIndex {
  try {
    return toIndex(openFile(path));
  } catch {
    removeSearchIndex(path);
    return toIndex(openFile(path));
  }
}

export function removeSearchIndex(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

function openFile(path: string): Sqlite.Database {
  const sqlite = new Sqlite(path);
  sqlite.pragma("journal_mode = WAL");
  sqlite.pragma("synchronous = FULL");
  sqlite.pragma(`cache_size = -${CACHE_KIB}`);
  const version = readVersion(sqlite);
  if (version !== 0 && version !== SCHEMA_VERSION) {
    sqlite.close();
    throw new Error("the search index is of another version");
  }
  if (version === 0) createSchema(sqlite);
  return sqlite;
}

/** 0 until it is filled. */
function readVersion(sqlite: Sqlite.Database): unknown {
  return sqlite.pragma("user_version", { simple: true });
}

function createSchema(sqlite: Sqlite.Database): void {
  sqlite.exec(`begin;
    create table if not exists streams (
      first integer primary key, last integer not null, execution_id text not null,
      stream_json text not null, ready integer not null default 0);
    create index if not exists streams_by_execution on streams (execution_id);
    create virtual table if not exists lines using fts5(text, tokenize = 'unicode61 remove_diacritics 2', prefix = '3');
    commit;`);
}

function toIndex(sqlite: Sqlite.Database): SearchIndex {
  const hits = sqlite.prepare<[string, number], { rowid: number }>(
    `select rowid from lines where lines match ? and rowid < ? order by rowid desc limit ${HITS_AT_ONCE}`,
  );
  const streamOf = sqlite.prepare<[number], StreamRow>(
    "select * from streams where first <= ? order by first desc limit 1",
  );
  const marked = sqlite.prepare<[string, number], { text: string }>(
    `select highlight(lines, 0, '${BEGIN}', '${END}') as text from lines where lines match ? and rowid = ?`,
  );
  const newest = sqlite.prepare<[], { last: number }>(
    "select last from streams order by first desc limit 1",
  );
  const insertStream = sqlite.prepare(
    "insert into streams (first, last, execution_id, stream_json, ready) values (?, ?, ?, ?, ?)",
  );
  const insertLine = sqlite.prepare("insert into lines (rowid, text) values (?, ?)");
  function putLines(first: number, lines: readonly string[]): void {
    for (const [place, line] of lines.entries())
      if (line !== "") insertLine.run(first + place, line);
  }
  /** Keeps numbers for lines; gives the first. */
  function reserve({ stream, lines }: SearchedLines, isReady: boolean): number {
    const first = (newest.get()?.last ?? 0) + 1;
    const last = first + lines.length - 1;
    insertStream.run(first, last, stream.executionId, JSON.stringify(stream), Number(isReady));
    return first;
  }
  const insertLines = sqlite.transaction(putLines);
  const putShort = sqlite.transaction((streams: readonly SearchedLines[]) => {
    for (const one of streams) if (one.lines.length > 0) putLines(reserve(one, true), one.lines);
  });
  const deleteLines = sqlite.prepare("delete from lines where rowid between ? and ?");

  function find({ query, limit, below, isWanted }: FindLines): FoundLines {
    const until = performance.now() + MOST_LOOKED_MS;
    const lines: FoundLine[] = [];
    let next = below ?? Number.MAX_SAFE_INTEGER;
    while (lines.length < limit) {
      const page = hits.all(query, next);
      for (const { rowid } of page) {
        next = rowid;
        const row = streamOf.get(rowid);
        const line = row && toFound(row, rowid, isWanted);
        if (line) lines.push({ ...line, ...toMarked(marked.get(query, rowid)?.text ?? "") });
        if (lines.length === limit) break;
      }
      if (page.length < HITS_AT_ONCE && lines.length < limit) return { lines, next: undefined };
      if (performance.now() > until) break;
    }
    return { lines, next };
  }

  return {
    get isNew() {
      return readVersion(sqlite) === 0;
    },
    noteFilled: () => void sqlite.pragma(`user_version = ${SCHEMA_VERSION}`),
    find,
    put: async (stream, lines, pause) => {
      if (lines.length === 0) return;
      const first = reserve({ stream, lines }, false);
      for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
        insertLines(first + from, lines.slice(from, from + LINES_AT_ONCE));
        await pause();
      }
      sqlite.prepare("update streams set ready = 1 where first = ?").run(first);
    },
    putShort,
    forget: async (executionId, pause) => {
      const rows = sqlite
        .prepare<[string], { first: number; last: number }>(
          "select first, last from streams where execution_id = ?",
        )
        .all(executionId);
      for (const { first, last } of rows) {
        sqlite.prepare("update streams set ready = 0 where first = ?").run(first);
        for (let from = first; from <= last; from += LINES_AT_ONCE) {
          deleteLines.run(from, Math.min(last, from + LINES_AT_ONCE - 1));
          await pause();
        }
        sqlite.prepare("delete from streams where first = ?").run(first);
      }
    },
    close: () => sqlite.close(),
  };
}

function toFound(
  { stream_json, first, last, ready }: StreamRow,
  rowid: number,
  isWanted: FindLines["isWanted"],
): (SearchedStream & { readonly line: number }) | undefined {
  if (ready !== 1 || rowid > last) return undefined;
  const stream = JSON.parse(stream_json) as SearchedStream;
  return isWanted(stream) ? { ...stream, line: rowid - first + 1 } : undefined;
}

/** The marks are characters that no line has, so they tell where the words stand. */
function toMarked(marked: string): Pick<FoundLine, "text" | "matches"> {
  const matches: TextRange[] = [];
  let text = "";
  for (const [place, piece] of marked.split(BEGIN).entries()) {
    const end = place === 0 ? -1 : piece.indexOf(END);
    if (end >= 0) matches.push({ from: text.length, to: text.length + end });
    text += piece.replace(END, "");
  }
  return { text, matches };
}
