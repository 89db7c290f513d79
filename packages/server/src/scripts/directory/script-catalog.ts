import { findScriptPath, type ScriptSummary } from "@deckhand/core";
import { describeScript } from "../describe-script.ts";
import type { KeptVersion } from "../kept-version.ts";
import { toFileKind, toRefused, toShadowed, toUnreadKind } from "../unusable-file.ts";
import { type FileStamp, type ListedFile, listFiles, readScriptFile } from "./script-files.ts";
import type { VersionHistory } from "./version-history.ts";

/** File systems count time in steps: a file that changed this shortly before it was read may change again unseen. */
const TIME_STEP_MS = 100;

/** A script that can be addressed. */
export interface CatalogEntry {
  readonly name: string;
  readonly path: string;
  readonly version: KeptVersion;
  /** Undefined when the file has to be read again to know that it is unchanged. */
  readonly stamp: FileStamp | undefined;
  readonly summary: ScriptSummary;
}

/** What lies in the directory, as of one look at it. */
export interface Catalog {
  readonly entries: readonly CatalogEntry[];
  /** Files that can not be scripts, with the reason; they are shown, but not to be had. */
  readonly refused: readonly ScriptSummary[];
  readonly directories: readonly string[];
}

export interface CatalogReader {
  read(): Promise<Catalog>;
}

export interface CatalogOptions {
  readonly root: string;
  readonly history: VersionHistory;
  readonly scriptBytes: number;
  readonly now: () => number;
}

type Look = { readonly stamp: FileStamp | undefined } & (
  | { readonly kind: "other" }
  | { readonly kind: "refused"; readonly detail: string; readonly sizeBytes: number }
  | {
      readonly kind: "script";
      readonly bytes: Buffer | undefined;
      readonly entry: CatalogEntry | undefined;
    }
);

/** Reads the directory again and again; unchanged files are not opened. */
export function catalogReader(options: CatalogOptions): CatalogReader {
  let looks = new Map<string, Look>();
  return {
    read: async () => {
      const { files, directories } = await listFiles(options.root);
      const next = new Map<string, Look>();
      for (const file of files)
        next.set(file.path, await lookAgain(options, file, looks.get(file.path)));
      const catalog = await toCatalog(options, next);
      looks = next;
      return { ...catalog, directories };
    },
  };
}

async function lookAgain(
  options: CatalogOptions,
  file: ListedFile,
  before: Look | undefined,
): Promise<Look> {
  if (before?.stamp?.text === file.stamp.text) return before;
  const read = await readScriptFile(options.root, file.path, options.scriptBytes);
  if (read.kind === "gone") return { kind: "other", stamp: undefined };
  if (read.kind === "unreadable") return refuseUnread(file, read.detail);
  const stamp = options.now() - read.stamp.changedAtMs > TIME_STEP_MS ? read.stamp : undefined;
  const seen = toFileKind(file.path, read.bytes.toString("utf8"));
  if (seen.kind === "script") return { kind: "script", stamp, bytes: read.bytes, entry: undefined };
  return seen.kind === "other"
    ? { kind: "other", stamp }
    : { ...seen, stamp, sizeBytes: file.sizeBytes };
}

function refuseUnread({ path, stamp, sizeBytes }: ListedFile, detail: string): Look {
  const seen = toUnreadKind(path, detail);
  return seen.kind === "refused"
    ? { ...seen, stamp: undefined, sizeBytes }
    : { kind: "other", stamp };
}

/** Gives each name to the first of its files in the order of paths; the looks get their entries. */
async function toCatalog(
  options: CatalogOptions,
  looks: Map<string, Look>,
): Promise<Omit<Catalog, "directories">> {
  const entries = new Map<string, CatalogEntry>();
  const refused: ScriptSummary[] = [];
  for (const [path, look] of [...looks].sort(byPath)) {
    if (look.kind === "refused") refused.push(toRefused(path, look));
    if (look.kind !== "script") continue;
    const { name } = findScriptPath(path) ?? { name: path };
    const winner = entries.get(name);
    const entry = winner ? undefined : await toEntry(options, { path, name, look });
    if (winner) refused.push(toShadowed(path, winner.path));
    if (entry) entries.set(name, entry);
    looks.set(path, { kind: "script", stamp: look.stamp, bytes: undefined, entry });
  }
  return { entries: [...entries.values()].sort(byName), refused };
}

interface Found {
  readonly path: string;
  readonly name: string;
  readonly look: Extract<Look, { kind: "script" }>;
}

async function toEntry(
  options: CatalogOptions,
  { path, name, look }: Found,
): Promise<CatalogEntry | undefined> {
  if (look.entry) return look.entry;
  const bytes = look.bytes ?? (await readBytes(options, path));
  if (!bytes) return undefined;
  const version = await options.history.record({ name, path, bytes });
  const { text: _text, ...summary } = describeScript({
    name,
    path,
    text: bytes.toString("utf8"),
    version,
  });
  return { name, path, version, stamp: look.stamp, summary };
}

async function readBytes(
  { root, scriptBytes }: CatalogOptions,
  path: string,
): Promise<Buffer | undefined> {
  const read = await readScriptFile(root, path, scriptBytes);
  return read.kind === "read" ? read.bytes : undefined;
}

function byPath([one]: [string, Look], [other]: [string, Look]): number {
  return one < other ? -1 : 1;
}

function byName(one: CatalogEntry, other: CatalogEntry): number {
  return one.name < other.name ? -1 : 1;
}
