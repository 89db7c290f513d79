import { isUtf8 } from "node:buffer";
import { findScriptPath, type ScriptSummary } from "@deckhand/core";
import { describeScript } from "../describe-script.ts";
import type { KeptVersion } from "../kept-version.ts";
import {
  type FileKind,
  toFileKind,
  toRefused,
  toShadowed,
  toUnreadKind,
} from "../unusable-file.ts";
import { inParallel } from "./in-parallel.ts";
import type { FileStamp, KnownFile, LocalCache } from "./local-cache.ts";
import type { ListedKey, S3Objects } from "./s3-objects.ts";
import { LISTS_FOLDER, type NameVersions, toKey, type VersionHistory } from "./version-history.ts";

const MOST_FILES = 10_000;
/** Comes after everything of our own and before all that can be a script. */
const AFTER_OUR_OWN = ".deckhand0";

/** A script that can be addressed. */
export interface CatalogEntry {
  readonly name: string;
  readonly path: string;
  readonly version: KeptVersion;
  /** While the store has the same, the entry is as it was. */
  readonly stamp: FileStamp;
  readonly summary: ScriptSummary;
}

/** What lies in the bucket, as of one look at it. */
export interface Catalog {
  readonly entries: readonly CatalogEntry[];
  /** Files that can not be scripts, with the reason; they are shown, but not to be had. */
  readonly refused: readonly ScriptSummary[];
}

export interface CatalogReader {
  /** Gives what was known when the cache was last written; undefined when nothing was. */
  recall(): Promise<Catalog | undefined>;
  read(): Promise<Catalog>;
  /** Takes in what was just written, so that nothing has to be listed for it. */
  take(written: WrittenScript): Promise<Catalog>;
}

export interface WrittenScript {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly stamp: FileStamp;
  readonly version: KeptVersion;
}

export interface CatalogOptions {
  readonly objects: S3Objects;
  readonly history: VersionHistory;
  readonly cache: LocalCache;
  readonly scriptBytes: number;
}

interface ListedFile {
  readonly path: string;
  readonly stamp: FileStamp;
  readonly sizeBytes: number;
}

interface Look {
  readonly file: ListedFile;
  readonly kind: FileKind;
  /** What was read just now, with the versions there were before. */
  readonly read?: { readonly bytes: Buffer; readonly before: NameVersions } | undefined;
  readonly entry?: CatalogEntry | undefined;
}

/** Reads the bucket again and again; unchanged objects are not fetched. */
export function catalogReader(options: CatalogOptions): CatalogReader {
  let looks = new Map<string, Look>();

  async function recall(): Promise<Catalog | undefined> {
    const files = await options.cache.readFiles();
    if (!files) return undefined;
    const recalled = await inParallel(files, (file) => recallLook(options, file));
    looks = toMap(recalled.filter((look) => look !== undefined));
    return toCatalog([...looks.values()]);
  }

  async function read(): Promise<Catalog> {
    const files = await listFiles(options.objects);
    const seen = await inParallel(files, (file) => lookAgain(options, file, looks.get(file.path)));
    const next = await inParallel(withWinners(seen), (one) => settle(options, one));
    const found = next.filter((look) => look !== undefined);
    const isChanged = found.some((one) => looks.get(one.file.path) !== one);
    const isFewer = found.length !== looks.size;
    looks = toMap(found);
    if (isChanged || isFewer) await options.cache.keepFiles(found.map(toKnownFile));
    return toCatalog(found);
  }

  async function take({ path, bytes, stamp, version }: WrittenScript): Promise<Catalog> {
    const file = { path, stamp, sizeBytes: bytes.length };
    const entry = toEntry(file, version, Buffer.from(bytes).toString("utf8"));
    looks.set(path, { file, kind: { kind: "script" }, entry });
    const all = [...looks.values()].sort(byPath);
    await options.cache.keepFiles(all.map(toKnownFile));
    return toCatalog(all);
  }

  return { recall, read, take };
}

async function listFiles(objects: S3Objects): Promise<ListedFile[]> {
  const [keys, lists] = await Promise.all([
    objects.list({ under: "", after: AFTER_OUR_OWN, most: MOST_FILES }),
    objects.list({ under: LISTS_FOLDER, most: Number.POSITIVE_INFINITY }),
  ]);
  const etags = new Map(lists.map(({ key, etag }) => [key, etag]));
  return keys.filter(isFile).map(({ key, etag, sizeBytes }) => {
    const name = findScriptPath(key)?.name;
    const list = (name === undefined ? undefined : etags.get(toKey(name))) ?? "";
    return { path: key, stamp: { object: etag, list }, sizeBytes };
  });
}

/** Folders are made of keys that end with a slash; dot files are left alone. */
function isFile({ key }: ListedKey): boolean {
  return !key.endsWith("/") && !key.split("/").some((part) => part.startsWith("."));
}

async function lookAgain(
  { objects, history, scriptBytes }: CatalogOptions,
  file: ListedFile,
  known: Look | undefined,
): Promise<Look | undefined> {
  if (known && isSame(known.file.stamp, file.stamp)) return known;
  const { path, sizeBytes } = file;
  if (sizeBytes > scriptBytes)
    return {
      file,
      kind: toUnreadKind(path, `has ${sizeBytes} bytes; the limit is ${scriptBytes}`),
    };
  const name = findScriptPath(path)?.name;
  const before = name === undefined ? { versions: [], etag: "" } : await history.list(name);
  const found = await objects.find(path);
  if (!found) return undefined;
  const { bytes, etag } = found;
  const stamp = { object: etag, list: before.etag };
  const kind = toKind(path, bytes);
  return {
    file: { ...file, stamp },
    kind,
    ...(kind.kind === "script" ? { read: { bytes, before } } : {}),
  };
}

function toKind(path: string, bytes: Buffer): FileKind {
  if (!isUtf8(bytes)) return toUnreadKind(path, "is not UTF-8 text");
  if (bytes.includes(0)) return toUnreadKind(path, "holds a NUL byte");
  return toFileKind(path, bytes.toString("utf8"));
}

export function isSame(one: FileStamp, other: FileStamp): boolean {
  return one.object === other.object && one.list === other.list;
}

interface Ranked {
  readonly look: Look;
  readonly isWinner: boolean;
}

/** Each name belongs to the first of its files in the order of paths. */
function withWinners(looks: readonly (Look | undefined)[]): Ranked[] {
  const names = new Set<string>();
  const present = looks.filter((look) => look !== undefined).sort(byPath);
  return present.map((look) => {
    const name = nameOf(look);
    const isWinner = look.kind.kind === "script" && !names.has(name);
    if (isWinner) names.add(name);
    return { look, isWinner };
  });
}

/** What lost its name, or has it anew, is read again when it is needed. */
async function settle(
  options: CatalogOptions,
  { look, isWinner }: Ranked,
): Promise<Look | undefined> {
  if (isWinner) return look.entry ? look : count(options, look);
  return look.entry || look.read ? { file: look.file, kind: look.kind } : look;
}

async function count(options: CatalogOptions, look: Look): Promise<Look | undefined> {
  const again = look.read ? look : await lookAgain(options, look.file, undefined);
  if (!again?.read) return again;
  const { file, kind, read } = again;
  const seen = { name: nameOf(again), path: file.path, bytes: read.bytes };
  const { version, etag } = await options.history.record(seen, read.before);
  const counted = { ...file, stamp: { ...file.stamp, list: etag } };
  return { file: counted, kind, entry: toEntry(counted, version, read.bytes.toString("utf8")) };
}

function toEntry({ path, stamp }: ListedFile, version: KeptVersion, text: string): CatalogEntry {
  const { name } = findScriptPath(path) ?? { name: path };
  const { text: _text, ...summary } = describeScript({ name, path, text, version });
  return { name, path, version, stamp, summary };
}

function toCatalog(looks: readonly Look[]): Catalog {
  const winners = new Map<string, string>();
  for (const { entry } of looks) if (entry) winners.set(entry.name, entry.path);
  const entries = looks.flatMap(({ entry }) => (entry ? [entry] : []));
  return { entries, refused: looks.flatMap((look) => toRefusedSummary(look, winners)) };
}

function toRefusedSummary(look: Look, winners: ReadonlyMap<string, string>): ScriptSummary[] {
  const { path, sizeBytes } = look.file;
  if (look.kind.kind === "refused")
    return [toRefused(path, { detail: look.kind.detail, sizeBytes })];
  const winner = winners.get(nameOf(look));
  if (look.kind.kind === "other" || look.entry || winner === undefined) return [];
  return [toShadowed(path, winner)];
}

/** Gives nothing for a script whose text is lost, so that it is read anew. */
async function recallLook(
  { cache }: CatalogOptions,
  { path, stamp, sizeBytes, kind }: KnownFile,
): Promise<Look | undefined> {
  const file = { path, stamp, sizeBytes };
  if (kind.kind !== "script") return { file, kind };
  if (!kind.version) return { file, kind: { kind: "script" } };
  const bytes = await cache.readContent(kind.version.sha256);
  const entry = bytes && toEntry(file, kind.version, bytes.toString("utf8"));
  return entry && { file, kind: { kind: "script" }, entry };
}

function toKnownFile({ file, kind, entry }: Look): KnownFile {
  const shown =
    kind.kind === "script" ? { kind: kind.kind, version: entry?.version ?? null } : kind;
  return { ...file, kind: shown };
}

function toMap(looks: readonly Look[]): Map<string, Look> {
  return new Map(looks.map((look) => [look.file.path, look]));
}

function nameOf({ file: { path } }: Look): string {
  return findScriptPath(path)?.name ?? path;
}

function byPath(one: Look, other: Look): number {
  return one.file.path < other.file.path ? -1 : 1;
}
