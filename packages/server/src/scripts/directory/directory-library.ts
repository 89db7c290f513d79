import { mkdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DEFAULT_LIMITS, parseScriptPath, type Script, type ScriptSource } from "@deckhand/core";
import { assertScriptText } from "../assert-script-text.ts";
import { describeScript } from "../describe-script.ts";
import { type KeptVersion, toScriptVersion, toSha256 } from "../kept-version.ts";
import {
  scriptExists,
  scriptNotFound,
  scriptUnusable,
  versionConflict,
  versionNotFound,
} from "../library-refusals.ts";
import { oneAtATime } from "../one-at-a-time.ts";
import type { CreateScript, RemoveScript, ScriptLibrary, UpdateScript } from "../script-library.ts";
import { errnoOf, toFileError } from "./file-errors.ts";
import { type Catalog, type CatalogEntry, catalogReader } from "./script-catalog.ts";
import { findStamp, prepareFolders, type ReadResult, readScriptFile } from "./script-files.ts";
import { versionHistory } from "./version-history.ts";
import { watchDirectories } from "./watch-directories.ts";
import {
  createFileAtomically,
  syncDirectory,
  writeFileAtomically,
} from "./write-file-atomically.ts";

export interface DirectoryLibraryOptions {
  /** Any directory, also a checkout that others write to; made when it is not there. Nothing but scripts is put into it. */
  readonly directory: string;
  /** A directory of the server's own for the contents of all versions. */
  readonly historyDirectory: string;
  readonly scriptBytes?: number;
  /** How often everything is looked at, as the file system's signals may be lost. */
  readonly rescanMs?: number;
  readonly now?: () => number;
  /** Hears why the directory can not be looked at in the background. */
  readonly onProblem?: (error: unknown) => void;
}

/** Signals come in swarms: an editor writes, renames and removes for one change. */
const QUIET_MS = 50;
const RESCAN_MS = 5_000;

type ReadFile = Extract<ReadResult, { kind: "read" }>;

/** Opens a library whose scripts are the files of a directory, found by their paths. */
export async function directoryLibrary(options: DirectoryLibraryOptions): Promise<ScriptLibrary> {
  const root = resolve(options.directory);
  const { scriptBytes = DEFAULT_LIMITS.scriptBytes, now = Date.now } = options;
  await doing(`Making the script directory ${root}`, () => mkdir(root, { recursive: true }));
  const history = await versionHistory(options.historyDirectory, now);
  const reader = catalogReader({ root, history, scriptBytes, now });
  const queue = oneAtATime();
  let catalog: Catalog = { entries: [], refused: [], directories: [] };
  let waiting: Promise<void> | undefined;

  async function look(): Promise<void> {
    catalog = await doing(`Reading the script directory ${root}`, () => reader.read());
    watcher.follow(catalog.directories);
  }

  /** Who asks while a look is waiting to begin shares it; one that has begun may have missed the change. */
  function refresh(): Promise<void> {
    waiting ??= queue.run(() => {
      waiting = undefined;
      return look();
    });
    return waiting;
  }

  const background = inBackground(refresh, options);
  const watcher = watchDirectories(background.soon);

  function findEntry(name: string): CatalogEntry | undefined {
    return (
      catalog.entries.find((entry) => entry.name === name) ??
      catalog.entries.find((entry) => entry.path === name)
    );
  }

  async function findFresh(name: string): Promise<CatalogEntry | undefined> {
    parseScriptPath(name);
    const known = findEntry(name);
    const stamp =
      known?.stamp && (await doing(`Reading ${known.path}`, () => findStamp(root, known.path)));
    if (known?.stamp && stamp?.text === known.stamp.text) return known;
    await refresh();
    return findEntry(name);
  }

  async function find(name: string): Promise<Script | undefined> {
    const entry = await findFresh(name);
    return entry && toScript(entry.name, entry.version);
  }

  async function toScript(name: string, version: KeptVersion): Promise<Script> {
    return describeScript({ name, path: version.path, text: await history.read(version), version });
  }

  async function get(name: string): Promise<Script> {
    const found = await find(name);
    if (found) return found;
    const refused = catalog.refused.find(({ path }) => path === name);
    if (refused) throw scriptUnusable(name, refused.problems[0]?.detail);
    throw scriptNotFound(name, catalog.entries);
  }

  /** Versions outlive their script, so a name that is gone is looked up as it is given, then as a path. */
  async function getHistory(
    name: string,
  ): Promise<{ name: string; versions: readonly KeptVersion[] }> {
    const entry = await findFresh(name);
    const names = entry ? [entry.name] : [name, parseScriptPath(name).name];
    for (const known of names) {
      const versions = await history.list(known);
      if (versions.length > 0) return { name: known, versions };
    }
    throw scriptNotFound(name, catalog.entries);
  }

  async function getVersion(asked: string, number: number): Promise<Script> {
    const { name, versions } = await getHistory(asked);
    const version = versions.find((one) => one.version === number);
    if (version) return toScript(name, version);
    throw versionNotFound(name, { asked: number, newest: versions.at(-1)?.version });
  }

  /** What was just written is looked at within the same turn, so that the answer is what now lies there. */
  async function afterWrite(name: string, source: ScriptSource | undefined): Promise<Script> {
    await history.naming({ name, source }, look);
    const entry = findEntry(name);
    if (entry) return toScript(entry.name, entry.version);
    throw scriptNotFound(name, catalog.entries);
  }

  async function create({ path, text, source }: CreateScript): Promise<Script> {
    const { name } = parseScriptPath(path);
    assertScriptText(text, { path, scriptBytes });
    return queue.run(async () => {
      await look();
      const taken = catalog.entries.find((entry) => entry.name === name || entry.path === path);
      if (taken) throw scriptExists(name, taken.path);
      const bytes = Buffer.from(text);
      await history.keep(bytes);
      await doing(`Writing ${path}`, async () =>
        createFile(await prepareFolders(root, path), { bytes, name, path }),
      );
      return afterWrite(name, source);
    });
  }

  /** Gives the file as it is at this moment, when its content is still the one that the caller has read. */
  async function assertUnchanged(entry: CatalogEntry, ifMatch: string): Promise<ReadFile> {
    const read = await doing(`Reading ${entry.path}`, () =>
      readScriptFile(root, entry.path, scriptBytes),
    );
    if (read.kind === "read" && toSha256(read.bytes) === ifMatch) return read;
    await look();
    throw versionConflict(entry.name, { ifMatch, current: findEntry(entry.name)?.version });
  }

  async function getForChange(name: string): Promise<CatalogEntry> {
    await look();
    const entry = findEntry(name);
    if (entry) return entry;
    throw scriptNotFound(name, catalog.entries);
  }

  async function update({ name: asked, text, ifMatch, source }: UpdateScript): Promise<Script> {
    parseScriptPath(asked);
    return queue.run(async () => {
      const entry = await getForChange(asked);
      assertScriptText(text, { path: entry.path, scriptBytes });
      const bytes = Buffer.from(text);
      await history.keep(bytes);
      const { mode, uid, gid, realPath } = await assertUnchanged(entry, ifMatch);
      await doing(`Writing ${entry.path}`, () =>
        writeFileAtomically(realPath, { bytes, mode, owner: { uid, gid } }),
      );
      return afterWrite(entry.name, source);
    });
  }

  async function remove({ name: asked, ifMatch }: RemoveScript): Promise<void> {
    parseScriptPath(asked);
    await queue.run(async () => {
      const entry = await getForChange(asked);
      await assertUnchanged(entry, ifMatch);
      const path = join(root, entry.path);
      await doing(`Removing ${entry.path}`, () => removeFile(path));
      await look();
    });
  }

  await refresh();
  return {
    list: async () => {
      await refresh();
      const all = [...catalog.entries.map(({ summary }) => summary), ...catalog.refused];
      return all.sort((one, other) => (one.name < other.name ? -1 : 1));
    },
    find,
    get,
    getVersion,
    listVersions: async (name) => {
      const { versions } = await getHistory(name);
      return versions.map(toScriptVersion).reverse();
    },
    create,
    update,
    remove,
    problems: () => background.problems(),
    close: async () => {
      background.stop();
      watcher.close();
      await queue.run(async () => watcher.close());
    },
  };
}

interface Background {
  readonly soon: () => void;
  readonly problems: () => readonly string[];
  readonly stop: () => void;
}

/** Looks after a signal and from time to time; a failure is told once until a look succeeds. */
function inBackground(
  refresh: () => Promise<void>,
  { rescanMs = RESCAN_MS, onProblem }: DirectoryLibraryOptions,
): Background {
  let problem: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  function lookNow(): void {
    timer = undefined;
    refresh().then(
      () => {
        problem = undefined;
      },
      (error: unknown) => {
        if (problem === undefined) onProblem?.(error);
        problem = error instanceof Error ? error.message : String(error);
      },
    );
  }

  const rescan = setInterval(lookNow, rescanMs).unref();
  return {
    soon: () => {
      timer ??= setTimeout(lookNow, QUIET_MS).unref();
    },
    problems: () => (problem === undefined ? [] : [problem]),
    stop: () => {
      clearInterval(rescan);
      clearTimeout(timer);
    },
  };
}

async function createFile(
  absolutePath: string,
  { bytes, name, path }: { bytes: Uint8Array; name: string; path: string },
): Promise<void> {
  try {
    await createFileAtomically(absolutePath, { bytes });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw scriptExists(name, path);
    throw error;
  }
}

async function removeFile(path: string): Promise<void> {
  await rm(path);
  await syncDirectory(dirname(path));
}

async function doing<Result>(what: string, task: () => Promise<Result>): Promise<Result> {
  try {
    return await task();
  } catch (error) {
    throw toFileError(error, what);
  }
}
