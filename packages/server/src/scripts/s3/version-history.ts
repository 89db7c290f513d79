import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import {
  type KeptVersion,
  type SeenContent,
  toListName,
  toNextVersion,
  toSha256,
  versionList,
} from "../kept-version.ts";
import type { ConditionalWrites } from "./conditional-writes.ts";
import type { LocalCache } from "./local-cache.ts";
import { storeError } from "./s3-errors.ts";
import type { S3Objects, StoredObject } from "./s3-objects.ts";

/** Beside the scripts, under a name that no script can have. */
export const LISTS_FOLDER = ".deckhand/scripts/";
const CONTENTS_FOLDER = ".deckhand/contents/";
const MOST_TRIES = 20;
const PAUSE_MS = 50;

/** All versions of a name, as of one look at them. */
export interface NameVersions {
  /** Oldest first; empty when the name was never seen. */
  readonly versions: readonly KeptVersion[];
  /** The list's own, `""` where there is no list. */
  readonly etag: string;
}

export interface RecordedVersion {
  readonly version: KeptVersion;
  readonly etag: string;
}

/** Every content that a script ever had, counted in the store itself, so that all servers count alike. */
export interface VersionHistory {
  /**
   * Counts a content that was found after the versions were looked at; gives the version that it is. Whoever else found the
   * same content since then has counted it already.
   */
  record(seen: SeenContent, before: NameVersions): Promise<RecordedVersion>;
  /** Keeps a content without counting it, so that it is safe before it becomes a version. */
  keep(bytes: Uint8Array): Promise<void>;
  list(name: string): Promise<NameVersions>;
  /** The versions that are known on this machine. */
  listKnown(name: string): Promise<NameVersions>;
  read(version: KeptVersion): Promise<string>;
}

export interface VersionHistoryDeps {
  readonly objects: S3Objects;
  readonly writes: ConditionalWrites;
  readonly cache: LocalCache;
  readonly now: () => number;
}

const NONE: NameVersions = { versions: [], etag: "" };

export function versionHistory({
  objects,
  writes,
  cache,
  now,
}: VersionHistoryDeps): VersionHistory {
  /** Contents that this process has put into the store. */
  const kept = new Set<string>();

  async function keep(bytes: Uint8Array): Promise<void> {
    const sha256 = toSha256(bytes);
    if (kept.has(sha256)) return;
    await objects.keep(`${CONTENTS_FOLDER}${sha256}`, bytes);
    await cache.keepContent(bytes);
    kept.add(sha256);
  }

  async function record(seen: SeenContent, before: NameVersions): Promise<RecordedVersion> {
    const from = before.versions.at(-1)?.version ?? 0;
    const already = findAmong(before, { seen, from });
    if (already) {
      await cache.keepContent(seen.bytes);
      return { version: already, etag: before.etag };
    }
    await keep(seen.bytes);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const recorded = await tryRecord(seen, from);
      if (recorded) return recorded;
      await sleep(PAUSE_MS * Math.random() * (tries + 1));
    }
    throw storeError(`The versions of ${seen.name} change all the time; none could be added.`);
  }

  /** Gives undefined when somebody else changed the list meanwhile. */
  async function tryRecord(seen: SeenContent, from: number): Promise<RecordedVersion | undefined> {
    const found = await objects.find(toKey(seen.name));
    const list = toVersions(seen.name, found);
    const known = findAmong(list, { seen, from });
    if (known) return { version: known, etag: list.etag };
    const version = toNextVersion(seen, { last: list.versions.at(-1), at: now() });
    const content = { name: seen.name, versions: [...list.versions, version] };
    const bytes = Buffer.from(`${JSON.stringify(content)}\n`);
    const written = await writes.put(toKey(seen.name), bytes, found);
    if (!written) return undefined;
    await cache.keepList({ ...content, etag: written.etag });
    return { version, etag: written.etag };
  }

  async function list(name: string): Promise<NameVersions> {
    const found = toVersions(name, await objects.find(toKey(name)));
    if (found.versions.length > 0)
      await cache.keepList({ name, versions: [...found.versions], etag: found.etag });
    return found;
  }

  async function read({ sha256 }: KeptVersion): Promise<string> {
    const cached = await cache.readContent(sha256);
    if (cached) return cached.toString("utf8");
    const found = await objects.find(`${CONTENTS_FOLDER}${sha256}`);
    if (!found || toSha256(found.bytes) !== sha256)
      throw storeError(`The kept script ${sha256} is ${found ? "damaged" : "gone"} in the store.`);
    await cache.keepContent(found.bytes);
    return found.bytes.toString("utf8");
  }

  const listKnown = async (name: string) => (await cache.readList(name)) ?? NONE;
  return { record, keep, list, listKnown, read };
}

/** Where the list of a name's versions is. */
export function toKey(name: string): string {
  return `${LISTS_FOLDER}${toListName(name)}`;
}

function findAmong(
  { versions }: NameVersions,
  { seen, from }: { seen: SeenContent; from: number },
): KeptVersion | undefined {
  const sha256 = toSha256(seen.bytes);
  return versions.find(
    (one) => one.version >= from && one.sha256 === sha256 && one.path === seen.path,
  );
}

function toVersions(name: string, found: StoredObject | undefined): NameVersions {
  if (!found) return NONE;
  try {
    const { versions } = versionList.parse(JSON.parse(found.bytes.toString("utf8")));
    return { versions, etag: found.etag };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    throw storeError(`The list of versions of ${name} (${toKey(name)}) is damaged.`, {
      hint: "Restore it from a backup, or move it away to count from version 1 again.",
      cause: error,
    });
  }
}
