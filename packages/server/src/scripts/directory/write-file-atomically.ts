import { randomBytes } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "./file-errors.ts";

export interface FileContent {
  readonly bytes: Uint8Array;
  /** Permissions and owner; the process's own where left out. */
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Names of files that are being written; a crash may leave one behind. */
export const TEMPORARY_NAME = /^\.deckhand-[0-9a-f]{16}\.tmp$/;

/** Replaces a file: after a crash there is the old one or the new one, never a part. */
export async function writeFileAtomically(path: string, content: FileContent): Promise<void> {
  await throughTemporary(path, content, (temporary) => rename(temporary, path));
}

/** Makes a file that is not there yet; throws EEXIST when it is. */
export async function createFileAtomically(path: string, content: FileContent): Promise<void> {
  await throughTemporary(path, content, (temporary) => linkOrRename(temporary, path));
}

/** Makes a removal or a rename survive a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function throughTemporary(
  path: string,
  content: FileContent,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.deckhand-${randomBytes(8).toString("hex")}.tmp`);
  try {
    await writeSynced(temporary, content);
    await place(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
}

async function writeSynced(path: string, { bytes, mode, owner }: FileContent): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    await file.writeFile(bytes);
    if (mode !== undefined) await file.chmod(mode & 0o777);
    if (owner) await keepOwner(() => file.chown(owner.uid, owner.gid));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Only root may give files away; anybody else's file becomes our own, as with any editor. */
async function keepOwner(chown: () => Promise<void>): Promise<void> {
  await chown().catch((error: unknown) => {
    if (errnoOf(error) !== "EPERM") throw error;
  });
}

/** A hard link fails when the name is taken, which a rename does not; some file systems have none. */
async function linkOrRename(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(errnoOf(error))) throw error;
    await renameUnlessTaken(temporary, path);
  }
}

async function renameUnlessTaken(temporary: string, path: string): Promise<void> {
  const reserved = await open(path, "wx");
  await reserved.close();
  await rename(temporary, path);
}
