import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  type AppError,
  DEFAULT_LIMITS,
  findScriptPath,
  parseScriptPath,
  type Script,
} from "@deckhand/core";
import { assertScriptText } from "../assert-script-text.ts";
import { describeScript } from "../describe-script.ts";
import { type KeptVersion, type SeenContent, toScriptVersion } from "../kept-version.ts";
import {
  scriptExists,
  scriptNotFound,
  scriptUnusable,
  versionConflict,
  versionNotFound,
} from "../library-refusals.ts";
import { oneAtATime } from "../one-at-a-time.ts";
import type { CreateScript, RemoveScript, ScriptLibrary, UpdateScript } from "../script-library.ts";
import { conditionalWrites } from "./conditional-writes.ts";
import { localCache } from "./local-cache.ts";
import { isStoreError, storeError } from "./s3-errors.ts";
import { s3Http } from "./s3-http.ts";
import { type ObjectStamp, s3Objects } from "./s3-objects.ts";
import type { S3Store } from "./s3-store.ts";
import { type Catalog, type CatalogEntry, catalogReader, isSame } from "./script-catalog.ts";
import { type NameVersions, toKey, versionHistory } from "./version-history.ts";

export interface S3LibraryOptions {
  readonly store: S3Store;
  /** A directory of the server's own for what was read, so that reads go on while the store is away. */
  readonly cacheDirectory: string;
  readonly scriptBytes?: number;
  /** How often everything is looked at, so that what others put there becomes a version. */
  readonly rescanMs?: number;
  readonly now?: () => number;
  /** Hears why the store can not be used, once until it can. */
  readonly onProblem?: (error: unknown) => void;
}

const RESCAN_MS = 5_000;
const RETRY_MS = 1_000;
const PRUNE_MS = 24 * 60 * 60 * 1000;
/** How many keys that begin like a new script are looked at before everything is. */
const MOST_NEAR = 100;
const NOTHING: Catalog = { entries: [], refused: [] };

/** Opens a library whose scripts are the objects of a bucket, found by their keys; also while the store is away. */
export async function s3Library(options: S3LibraryOptions): Promise<ScriptLibrary> {
  const { store, scriptBytes = DEFAULT_LIMITS.scriptBytes, now = Date.now } = options;
  const http = s3Http(store);
  const objects = s3Objects(http, store.prefix);
  const writes = conditionalWrites(http, store.prefix);
  const cache = await localCache(join(options.cacheDirectory, toPlaceName(store)), now);
  const history = versionHistory({ objects, writes, cache, now });
  const reader = catalogReader({ objects, history, cache, scriptBytes });
  const queue = oneAtATime();
  let catalog = await reader.recall();
  let outage: AppError | undefined;
  let waiting: Promise<void> | undefined;

  function note(error: AppError): void {
    if (!outage) options.onProblem?.(error);
    outage = error;
  }

  async function look(): Promise<void> {
    try {
      catalog = await reader.read();
      outage = undefined;
    } catch (error) {
      if (isStoreError(error)) note(error);
      throw error;
    }
  }

  /** Who asks while a look is waiting to begin shares it; one that has begun may have missed the change. */
  function refresh(): Promise<void> {
    waiting ??= queue.run(() => {
      waiting = undefined;
      return look();
    });
    return waiting;
  }

  /** A store that is away is asked in the background only, so that nobody else waits for it. */
  async function refreshIfUp(): Promise<void> {
    if (outage) return;
    await refresh().catch(onlyStoreErrors);
  }

  function findEntry(name: string): CatalogEntry | undefined {
    const { entries } = catalog ?? NOTHING;
    return entries.find((one) => one.name === name) ?? entries.find((one) => one.path === name);
  }

  async function isInStore({ name, path, stamp }: CatalogEntry): Promise<boolean> {
    const [object, list] = await Promise.all([objects.look(path), objects.look(toKey(name))]);
    return isSame(stamp, { object: object?.etag ?? "", list: list?.etag ?? "" });
  }

  /** What is kept here is all there is while the store is away. */
  async function isCurrent(entry: CatalogEntry): Promise<boolean> {
    if (outage) return true;
    try {
      return await isInStore(entry);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      note(error);
      return true;
    }
  }

  async function findFresh(name: string): Promise<CatalogEntry | undefined> {
    parseScriptPath(name);
    const known = findEntry(name);
    if (known && (await isCurrent(known))) return known;
    await refreshIfUp();
    return findEntry(name);
  }

  async function find(name: string): Promise<Script | undefined> {
    const entry = await findFresh(name);
    if (entry) return toScript(entry.name, entry.version);
    if (outage) throw unknownWhileAway(name, outage);
    return undefined;
  }

  async function toScript(name: string, version: KeptVersion): Promise<Script> {
    return describeScript({ name, path: version.path, text: await history.read(version), version });
  }

  async function get(name: string): Promise<Script> {
    const found = await find(name);
    if (found) return found;
    const { entries, refused } = catalog ?? NOTHING;
    const unusable = refused.find(({ path }) => path === name);
    if (unusable) throw scriptUnusable(name, unusable.problems[0]?.detail);
    throw scriptNotFound(name, entries);
  }

  /** Versions outlive their script, so a name that is gone is looked up as it is given, then as a path. */
  async function firstList(
    asked: string,
    list: (name: string) => Promise<NameVersions>,
  ): Promise<{ name: string; versions: readonly KeptVersion[] } | undefined> {
    const names = [findEntry(asked)?.name, asked, parseScriptPath(asked).name];
    for (const name of new Set(names.filter((one) => one !== undefined))) {
      const { versions } = await list(name);
      if (versions.length > 0) return { name, versions };
    }
    return undefined;
  }

  async function getHistory(
    asked: string,
  ): Promise<{ name: string; versions: readonly KeptVersion[] }> {
    await findFresh(asked);
    const found = await firstList(asked, outage ? history.listKnown : history.list);
    if (found) return found;
    throw outage ? unknownWhileAway(asked, outage) : scriptNotFound(asked, catalog?.entries ?? []);
  }

  /** A version never changes, so one that is known here needs no look at the store. */
  async function getVersion(asked: string, number: number): Promise<Script> {
    const known = await firstList(asked, history.listKnown);
    const isKnown = known?.versions.some(({ version }) => version === number) ?? false;
    const { name, versions } = known && isKnown ? known : await getHistory(asked);
    const version = versions.find((one) => one.version === number);
    if (version) return toScript(name, version);
    if (outage) throw unknownWhileAway(`${asked}@${number}`, outage);
    throw versionNotFound(name, { asked: number, newest: versions.at(-1)?.version });
  }

  async function create({ path, text, source }: CreateScript): Promise<Script> {
    const { name } = parseScriptPath(path);
    assertScriptText(text, { path, scriptBytes });
    return queue.run(async () => {
      await assertFree(name, path);
      const bytes = Buffer.from(text);
      const before = await history.list(name);
      await history.keep(bytes);
      const written = await writes.put(path, bytes, undefined);
      if (!written) throw scriptExists(name, path);
      return count({ name, path, bytes, source }, { before, written });
    });
  }

  /** Only keys that begin with the name can hold it. */
  async function assertFree(name: string, path: string): Promise<void> {
    const near = await objects.list({ under: name, most: MOST_NEAR });
    const isNear = near.some(({ key }) => findScriptPath(key)?.name === name);
    if (!isNear && near.length < MOST_NEAR) return;
    await look();
    const { entries } = catalog ?? NOTHING;
    const taken = entries.find((one) => one.name === name || one.path === path);
    if (taken) throw scriptExists(name, taken.path);
  }

  /** The answer is what was written; somebody else may have written since. */
  async function count(
    seen: SeenContent,
    { before, written }: { before: NameVersions; written: ObjectStamp },
  ): Promise<Script> {
    const { version, etag } = await history.record(seen, before);
    const { name, path, bytes } = seen;
    const stamp = { object: written.etag, list: etag };
    catalog = await reader.take({ path, bytes, version, stamp });
    return toScript(name, version);
  }

  async function getForChange(name: string): Promise<CatalogEntry> {
    const known = findEntry(name);
    if (known && (await isInStore(known))) return known;
    await look();
    const entry = findEntry(name);
    if (entry) return entry;
    throw scriptNotFound(name, catalog?.entries ?? []);
  }

  /** Gives the object's stamp when its content is still the one that the caller has read. */
  async function getUnchanged(entry: CatalogEntry, ifMatch: string): Promise<ObjectStamp> {
    const seen = await objects.look(entry.path);
    const isSeen = seen?.etag === entry.stamp.object && entry.version.sha256 === ifMatch;
    if (seen && isSeen) return seen;
    throw await toConflict(entry.name, ifMatch);
  }

  async function toConflict(name: string, ifMatch: string): Promise<AppError> {
    await look();
    return versionConflict(name, { ifMatch, current: findEntry(name)?.version });
  }

  async function update({ name: asked, text, ifMatch, source }: UpdateScript): Promise<Script> {
    parseScriptPath(asked);
    return queue.run(async () => {
      const entry = await getForChange(asked);
      const { name, path } = entry;
      assertScriptText(text, { path, scriptBytes });
      const bytes = Buffer.from(text);
      const before = await history.list(name);
      await history.keep(bytes);
      const seen = await getUnchanged(entry, ifMatch);
      const written = await writes.put(path, bytes, seen);
      if (!written) throw await toConflict(name, ifMatch);
      return count({ name, path, bytes, source }, { before, written });
    });
  }

  async function remove({ name: asked, ifMatch }: RemoveScript): Promise<void> {
    parseScriptPath(asked);
    await queue.run(async () => {
      const entry = await getForChange(asked);
      const seen = await getUnchanged(entry, ifMatch);
      if (!(await writes.remove(entry.path, seen))) throw await toConflict(entry.name, ifMatch);
      await look().catch(onlyStoreErrors);
    });
  }

  await refreshIfUp();
  const prune = async () => catalog && cache.prune(catalog.entries);
  await prune();
  const pruning = setInterval(() => void prune(), PRUNE_MS).unref();
  const background = inBackground(refresh, {
    onProblem: (error) => isStoreError(error) || options.onProblem?.(error),
    pauseMs: () => (outage ? RETRY_MS : (options.rescanMs ?? RESCAN_MS)),
  });
  return {
    list: async () => {
      await refreshIfUp();
      if (!catalog && outage) throw outage;
      const { entries, refused } = catalog ?? NOTHING;
      const all = [...entries.map(({ summary }) => summary), ...refused];
      return all.sort((one, other) => (one.name < other.name ? -1 : 1));
    },
    find,
    get,
    getVersion,
    listVersions: async (name) => (await getHistory(name)).versions.map(toScriptVersion).reverse(),
    create,
    update,
    remove,
    problems: () => (outage ? [`Scripts are read from what is kept here: ${outage.message}`] : []),
    close: async () => {
      background.stop();
      clearInterval(pruning);
      await queue.run(async () => http.close());
    },
  };
}

function onlyStoreErrors(error: unknown): void {
  if (!isStoreError(error)) throw error;
}

function unknownWhileAway(name: string, outage: AppError): AppError {
  return storeError(`${name} is not kept here, and ${outage.message}`, { cause: outage });
}

/** What is kept of one place must never be taken for another's. */
function toPlaceName({ endpoint, bucket, prefix }: S3Store): string {
  return createHash("sha256")
    .update(JSON.stringify([endpoint, bucket, prefix]))
    .digest("hex")
    .slice(0, 16);
}

/** Looks from time to time, one look after the other. */
function inBackground(
  work: () => Promise<void>,
  { pauseMs, onProblem }: { pauseMs: () => number; onProblem: (error: unknown) => void },
): { stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  async function lookAndGoOn(): Promise<void> {
    await work().catch(onProblem);
    if (!stopped) wait();
  }
  function wait(): void {
    timer = setTimeout(() => void lookAndGoOn(), pauseMs()).unref();
  }
  wait();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
