import { createHash } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ScriptProblem } from "@deckhand/core";
import { parseScriptHeader } from "@deckhand/core/script/parse-script-header";
import { UsageError } from "./usage-error.ts";

/** A file that is a script by what it says. */
export interface FolderScript {
  /** Below the folder, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly sha256: string;
}

export interface FolderProblem extends ScriptProblem {
  readonly path: string;
}

export interface ScriptFolder {
  readonly scripts: readonly FolderScript[];
  /** What is wrong in the scripts' headers, and scripts that can not be read as text. */
  readonly problems: readonly FolderProblem[];
  /** How many files are no scripts. */
  readonly others: number;
}

/** Reads the scripts of a folder and all below it; dot files and links are left alone. */
export async function readScriptFolder(folder: string, scriptBytes: number): Promise<ScriptFolder> {
  await assertFolder(folder);
  const read = { scripts: [] as FolderScript[], problems: [] as FolderProblem[], others: 0 };
  for (const path of (await listFiles(folder, "")).sort()) {
    const content = await readContent(join(folder, path), scriptBytes);
    const text = "text" in content ? content.text : "";
    const { header, problems } = parseScriptHeader(text, path);
    const isScript = header.interpreter !== null || header.declared || problems.length > 0;
    if (!isScript) read.others++;
    else if ("text" in content) read.scripts.push({ path, ...content });
    else read.problems.push({ path, line: 1, column: 1, detail: content.problem });
    read.problems.push(...problems.map((problem) => ({ path, ...problem })));
  }
  return read;
}

type Content = { readonly text: string; readonly sha256: string } | { readonly problem: string };

async function readContent(path: string, scriptBytes: number): Promise<Content> {
  const { size } = await stat(path);
  if (size > scriptBytes) return { problem: `has ${size} bytes; the limit is ${scriptBytes}` };
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) return { problem: "is not UTF-8 text" };
  if (bytes.includes(0)) return { problem: "holds a NUL byte" };
  return {
    text: bytes.toString("utf8"),
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

async function assertFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${folder} can not be read (${error.code})`);
  });
  if (!found.isDirectory()) throw new UsageError(`${folder} is no folder`);
}

async function listFiles(root: string, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) paths.push(...(await listFiles(root, path)));
    else if (entry.isFile()) paths.push(path);
  }
  return paths;
}
