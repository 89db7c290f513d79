import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { keptVersion, toListName, toSha256, versionList } from "../kept-version.ts";

const stamp = z.object({ object: z.string(), list: z.string() });

/** One file of the library as it was last seen. */
const knownFile = z.object({
  path: z.string(),
  stamp,
  sizeBytes: z.number(),
  kind: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("script"), version: keptVersion.nullable() }),
    z.object({ kind: z.literal("refused"), detail: z.string() }),
    z.object({ kind: z.literal("other") }),
  ]),
});
export type KnownFile = z.infer<typeof knownFile>;
export type FileStamp = z.infer<typeof stamp>;

const cachedList = versionList.extend({ etag: z.string() });
export type CachedList = z.infer<typeof cachedList>;

/**
 * What was read from the store, kept on this machine for when the store is away. Losing it, or a part of it, costs reading
 * again; what is damaged counts as lost.
 */
export interface LocalCache {
  readFiles(): Promise<readonly KnownFile[] | undefined>;
  keepFiles(files: readonly KnownFile[]): Promise<void>;
  readList(name: string): Promise<CachedList | undefined>;
  keepList(list: CachedList): Promise<void>;
  readContent(sha256: string): Promise<Buffer | undefined>;
  keepContent(bytes: Uint8Array): Promise<void>;
  /** Removes what was neither kept nor read for a month; what these scripts are now always stays. */
  prune(scripts: readonly CachedScript[]): Promise<void>;
}

export interface CachedScript {
  readonly name: string;
  readonly version: { readonly sha256: string };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const KEPT_MS = 30 * DAY_MS;

export async function localCache(directory: string, now: () => number): Promise<LocalCache> {
  const contents = join(directory, "contents");
  const lists = join(directory, "lists");
  for (const folder of [contents, lists]) await prepare(folder);
  const files = join(directory, "files.json");
  return {
    readFiles: () => readJson(files, z.array(knownFile)),
    keepFiles: (known) => write(files, JSON.stringify(known)),
    readList: async (name) => {
      const path = join(lists, toListName(name));
      await touch(path, now());
      return readJson(path, cachedList);
    },
    keepList: (list) => write(join(lists, toListName(list.name)), JSON.stringify(list)),
    readContent: async (sha256) => {
      await touch(join(contents, sha256), now());
      const bytes = await read(join(contents, sha256));
      return bytes && toSha256(bytes) === sha256 ? bytes : undefined;
    },
    keepContent: (bytes) => write(join(contents, toSha256(bytes)), bytes),
    prune: async (scripts) => {
      const beforeMs = now() - KEPT_MS;
      const wanted = new Set(
        scripts.flatMap(({ name, version }) => [toListName(name), version.sha256]),
      );
      for (const folder of [contents, lists]) await removeUnread(folder, { wanted, beforeMs });
    },
  };
}

/** The time of a file says when it was last used, to the day. */
async function touch(path: string, nowMs: number): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found || nowMs - found.mtimeMs < DAY_MS) return;
  await utimes(path, nowMs / 1_000, nowMs / 1_000).catch(() => undefined);
}

interface Unread {
  readonly wanted: ReadonlySet<string>;
  readonly beforeMs: number;
}

async function removeUnread(folder: string, { wanted, beforeMs }: Unread): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => !wanted.has(one))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found && found.mtimeMs < beforeMs) await rm(path, { force: true }).catch(() => undefined);
  }
}

async function prepare(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const left = (await readdir(folder)).filter((name) => name.endsWith(".tmp"));
  for (const name of left) await rm(join(folder, name), { force: true });
}

function read(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(() => undefined);
}

async function readJson<Value>(path: string, schema: z.ZodType<Value>): Promise<Value | undefined> {
  const bytes = await read(path);
  try {
    return bytes && schema.parse(JSON.parse(bytes.toString("utf8")));
  } catch {
    return undefined;
  }
}

/**
 * Nothing waits for the disk: a part that a loss of power leaves behind is damaged, and so counts as lost; as does what
 * finds no room.
 */
async function write(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true });
  }
}
