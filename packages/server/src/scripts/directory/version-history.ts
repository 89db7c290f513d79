import { access, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type ScriptSource } from "@deckhand/core";
import { z } from "zod";
import {
  type KeptVersion,
  type SeenContent,
  toListName,
  toNextVersion,
  toSha256,
  versionList,
} from "../kept-version.ts";
import { isGone, toFileError } from "./file-errors.ts";
import { TEMPORARY_NAME, writeFileAtomically } from "./write-file-atomically.ts";

interface MadeVersion {
  readonly name: string;
  readonly source: ScriptSource | undefined;
}

/** Every content that a script ever had, counted; contents are kept once, under their hash. */
export interface VersionHistory {
  /** Counts a new version when the content is not the newest one's; gives the version of this content. */
  record(seen: SeenContent): Promise<KeptVersion>;
  /** A version of the name that is counted while the task goes on has this source. */
  naming(made: MadeVersion, task: () => Promise<void>): Promise<void>;
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
  let made: MadeVersion | undefined;
  const cache = new Map<string, readonly KeptVersion[]>();

  async function list(name: string): Promise<readonly KeptVersion[]> {
    const cached = cache.get(name) ?? (await readIndex(join(indexes, toListName(name))));
    cache.set(name, cached);
    return cached;
  }

  async function record({ name, path, bytes }: SeenContent): Promise<KeptVersion> {
    const versions = await list(name);
    const last = versions.at(-1);
    const sha256 = toSha256(bytes);
    if (last?.sha256 === sha256 && last.path === path) return last;
    await keepBlob(blobs, bytes);
    const source = made?.name === name ? made.source : undefined;
    const added = toNextVersion({ name, path, bytes, source }, { last, at: now() });
    await writeIndex(join(indexes, toListName(name)), { name, versions: [...versions, added] });
    cache.set(name, [...versions, added]);
    return added;
  }

  async function naming(version: MadeVersion, task: () => Promise<void>): Promise<void> {
    made = version;
    await task().finally(() => {
      made = undefined;
    });
  }

  return {
    record,
    naming,
    list,
    keep: (bytes) => keepBlob(blobs, bytes),
    read: (version) => readBlob(blobs, version),
  };
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

async function readIndex(path: string): Promise<readonly KeptVersion[]> {
  try {
    return versionList.parse(JSON.parse(await readFile(path, "utf8"))).versions;
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

async function writeIndex(path: string, content: z.infer<typeof versionList>): Promise<void> {
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
