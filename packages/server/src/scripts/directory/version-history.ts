import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, sha256 as sha256Schema, timestamp } from "@deckhand/core";
import { z } from "zod";
import { isGone, toFileError } from "./file-errors.ts";
import { TEMPORARY_NAME, writeFileAtomically } from "./write-file-atomically.ts";

const keptVersion = z.object({
  version: z.number().int().positive(),
  sha256: sha256Schema,
  sizeBytes: z.number().int(),
  createdAt: timestamp,
  /** The script's path at the time: its extension tells what starts it. */
  path: z.string(),
});
export type KeptVersion = z.infer<typeof keptVersion>;

const historyFile = z.object({ name: z.string(), versions: z.array(keptVersion) });

interface SeenContent {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Every content that a script ever had, counted; contents are kept once, under their hash. */
export interface VersionHistory {
  /** Counts a new version when the content is not the newest one's; gives the version of this content. */
  record(seen: SeenContent): Promise<KeptVersion>;
  /** Keeps a content without counting it, so that it is safe before it becomes a version. */
  keep(bytes: Uint8Array): Promise<void>;
  /** Oldest first; empty when the name was never seen. */
  list(name: string): Promise<readonly KeptVersion[]>;
  read(version: KeptVersion): Promise<string>;
}

/** Opens the history in a directory of the server's own; makes it when it is not there. */
export async function versionHistory(
  directory: string,
  now: () => number,
): Promise<VersionHistory> {
  const blobs = join(directory, "blobs");
  const indexes = join(directory, "scripts");
  for (const path of [blobs, indexes]) await prepare(path);
  const cache = new Map<string, readonly KeptVersion[]>();

  async function list(name: string): Promise<readonly KeptVersion[]> {
    const cached = cache.get(name) ?? (await readIndex(toIndexPath(indexes, name)));
    cache.set(name, cached);
    return cached;
  }

  async function record({ name, path, bytes }: SeenContent): Promise<KeptVersion> {
    const versions = await list(name);
    const last = versions.at(-1);
    const sha256 = toSha256(bytes);
    if (last?.sha256 === sha256 && last.path === path) return last;
    await keepBlob(blobs, bytes);
    const createdAt = new Date(now()).toISOString();
    const added = {
      version: (last?.version ?? 0) + 1,
      sha256,
      sizeBytes: bytes.length,
      createdAt,
      path,
    };
    await writeIndex(toIndexPath(indexes, name), { name, versions: [...versions, added] });
    cache.set(name, [...versions, added]);
    return added;
  }

  return {
    record,
    list,
    keep: (bytes) => keepBlob(blobs, bytes),
    read: (version) => readBlob(blobs, version),
  };
}

export function toSha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function prepare(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const left = (await readdir(directory)).filter((name) => TEMPORARY_NAME.test(name));
    for (const name of left) await rm(join(directory, name), { force: true });
  } catch (error) {
    throw toFileError(error, `Opening the script history ${directory}`);
  }
}

/** A name may be longer than a file name and may differ from another in case only; its hash does neither. */
function toIndexPath(indexes: string, name: string): string {
  return join(indexes, `${toSha256(Buffer.from(name))}.json`);
}

async function readIndex(path: string): Promise<readonly KeptVersion[]> {
  try {
    return historyFile.parse(JSON.parse(await readFile(path, "utf8"))).versions;
  } catch (error) {
    if (isGone(error)) return [];
    if (!(error instanceof SyntaxError || error instanceof z.ZodError))
      throw toFileError(error, `Reading ${path}`);
    throw new AppError("STORAGE_UNAVAILABLE", {
      detail: `The version list ${path} is damaged.`,
      hint: "Restore it from a backup, or move it away to count from version 1 again.",
      cause: error,
    });
  }
}

async function writeIndex(path: string, content: z.infer<typeof historyFile>): Promise<void> {
  await write(path, Buffer.from(`${JSON.stringify(content)}\n`));
}

async function keepBlob(blobs: string, bytes: Uint8Array): Promise<void> {
  const path = join(blobs, toSha256(bytes));
  if (await exists(path)) return;
  await write(path, bytes);
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFileAtomically(path, { bytes, mode: 0o600 });
  } catch (error) {
    throw toFileError(error, `Writing the script history ${path}`);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function readBlob(blobs: string, { sha256 }: KeptVersion): Promise<string> {
  const path = join(blobs, sha256);
  try {
    const bytes = await readFile(path);
    if (toSha256(bytes) === sha256) return bytes.toString("utf8");
  } catch (error) {
    throw toFileError(error, `Reading the kept script ${path}`);
  }
  throw new AppError("STORAGE_UNAVAILABLE", {
    detail: `The kept script ${path} is damaged: its content has another hash.`,
  });
}
