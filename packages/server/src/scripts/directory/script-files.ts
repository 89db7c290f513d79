import { isUtf8 } from "node:buffer";
import { type BigIntStats, constants } from "node:fs";
import { lstat, mkdir, open, readdir, realpath, rm, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { AppError } from "@deckhand/core";
import { errnoOf, isGone } from "./file-errors.ts";
import { TEMPORARY_NAME } from "./write-file-atomically.ts";

const MOST_FILES = 10_000;
const MOST_DEPTH = 8;
const LEFT_BEHIND_MS = 10 * 60_000;

/** Tells two contents of a file apart without reading them. */
export interface FileStamp {
  readonly text: string;
  /** When the file last changed by the file system's clock. */
  readonly changedAtMs: number;
}

export interface ListedFile {
  /** Below the root, with `/`. */
  readonly path: string;
  readonly stamp: FileStamp;
  readonly sizeBytes: number;
}

export interface FileTree {
  readonly files: readonly ListedFile[];
  /** Absolute paths, the root first. */
  readonly directories: readonly string[];
}

export type ReadResult =
  | {
      readonly kind: "read";
      readonly bytes: Buffer;
      readonly stamp: FileStamp;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly realPath: string;
    }
  | { readonly kind: "gone" }
  | { readonly kind: "unreadable"; readonly detail: string };

/** Lists the regular files below a root, without dot files; links to directories are not followed. */
export async function listFiles(root: string): Promise<FileTree> {
  const realRoot = await realpath(root);
  const tree = { files: [] as ListedFile[], directories: [] as string[] };
  await listInto(tree, { root, realRoot, folder: "", depth: 0 });
  return tree;
}

interface Place {
  readonly root: string;
  readonly realRoot: string;
  readonly folder: string;
  readonly depth: number;
}

async function listInto(
  tree: { files: ListedFile[]; directories: string[] },
  place: Place,
): Promise<void> {
  const { root, folder, depth } = place;
  const directory = join(root, folder);
  const entries = await readdir(directory, { withFileTypes: true }).catch(emptyWhenClosed(depth));
  tree.directories.push(directory);
  for (const entry of entries) {
    if (tree.files.length >= MOST_FILES) return;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (TEMPORARY_NAME.test(entry.name)) await removeLeftBehind(join(root, path));
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory() && depth + 1 < MOST_DEPTH)
      await listInto(tree, { ...place, folder: path, depth: depth + 1 });
    else if (entry.isFile() || entry.isSymbolicLink())
      tree.files.push(...(await listOne(place, path)));
  }
}

/** A folder that vanished or is closed to us hides its files; the root has to be readable. */
function emptyWhenClosed(depth: number) {
  return (error: unknown) => {
    if (depth > 0 && (isGone(error) || errnoOf(error) === "EACCES")) return [];
    throw error;
  };
}

async function removeLeftBehind(path: string): Promise<void> {
  const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
  if (Date.now() - mtimeMs > LEFT_BEHIND_MS) await rm(path, { force: true });
}

async function listOne({ root, realRoot }: Place, path: string): Promise<ListedFile[]> {
  try {
    const real = await realpath(join(root, path));
    if (!isInside(realRoot, real)) return [];
    const found = await stat(real, { bigint: true });
    return found.isFile() ? [{ path, stamp: toStamp(found), sizeBytes: Number(found.size) }] : [];
  } catch (error) {
    if (isGone(error) || ["EACCES", "ELOOP"].includes(errnoOf(error))) return [];
    throw error;
  }
}

/** Gives a file's stamp; undefined when it is no file of this library any more. */
export async function findStamp(root: string, path: string): Promise<FileStamp | undefined> {
  const [listed] = await listOne(
    { root, realRoot: await realpath(root), folder: "", depth: 0 },
    path,
  );
  return listed?.stamp;
}

/** Reads a file below the root, wherever its links lead inside of it, and nothing else. */
export async function readScriptFile(
  root: string,
  path: string,
  mostBytes: number,
): Promise<ReadResult> {
  try {
    const realRoot = await realpath(root);
    const realPath = await realpath(join(root, path));
    if (!isInside(realRoot, realPath)) return { kind: "gone" };
    return await readWhole(realPath, mostBytes);
  } catch (error) {
    if (isGone(error) || errnoOf(error) === "ELOOP") return { kind: "gone" };
    if (errnoOf(error) === "EACCES")
      return { kind: "unreadable", detail: "can not be read (EACCES): look at its permissions" };
    throw error;
  }
}

async function readWhole(realPath: string, mostBytes: number): Promise<ReadResult> {
  // Not blocking: a pipe of that name would wait for a writer for ever.
  const file = await open(
    realPath,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  try {
    const found = await file.stat({ bigint: true });
    if (!found.isFile()) return { kind: "gone" };
    if (found.size > mostBytes)
      return { kind: "unreadable", detail: `has ${found.size} bytes; the limit is ${mostBytes}` };
    const bytes = await file.readFile();
    const problem = findContentProblem(bytes, mostBytes);
    if (problem !== undefined) return { kind: "unreadable", detail: problem };
    const { mode, uid, gid } = found;
    return {
      kind: "read",
      bytes,
      stamp: toStamp(found),
      mode: Number(mode),
      uid: Number(uid),
      gid: Number(gid),
      realPath,
    };
  } finally {
    await file.close();
  }
}

function findContentProblem(bytes: Buffer, mostBytes: number): string | undefined {
  if (bytes.length > mostBytes) return `has ${bytes.length} bytes; the limit is ${mostBytes}`;
  if (!isUtf8(bytes)) return "is not UTF-8 text";
  return bytes.includes(0) ? "holds a NUL byte" : undefined;
}

/** Makes the folders of a new file and gives its absolute path; refuses to go through links. */
export async function prepareFolders(root: string, path: string): Promise<string> {
  const folders = path.split("/").slice(0, -1);
  let directory = root;
  for (const folder of folders) {
    directory = join(directory, folder);
    await prepareFolder(directory, path);
  }
  return join(root, path);
}

async function prepareFolder(directory: string, path: string): Promise<void> {
  try {
    await mkdir(directory);
    return;
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  if ((await lstat(directory)).isDirectory()) return;
  throw new AppError("SCRIPT_NAME_INVALID", {
    detail: `"${path}" can not be made: a part of it is a file or a link in the script directory.`,
    hint: "Choose another folder.",
  });
}

function isInside(realRoot: string, realPath: string): boolean {
  return realPath.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep);
}

function toStamp(found: BigIntStats): FileStamp {
  const text = [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(":");
  return { text, changedAtMs: Number(found.ctimeMs) };
}
