import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { DEFAULT_LIMITS } from "@deckhand/core/limits";
import type { CommandContext } from "./command-context.ts";
import { UsageError } from "./usage-error.ts";

interface ParamFile {
  readonly name: string;
  readonly path: string;
}

/** Reads the file that a parameter of the type `file` names; its text is all of its bytes. */
export async function readParamFile(context: CommandContext, file: ParamFile): Promise<string> {
  const { limits } = await (await context.client()).info();
  const most = limits["paramBytes"] ?? DEFAULT_LIMITS.paramBytes;
  const bytes = await readAtMost(file, most);
  if (bytes.length > most)
    throw new UsageError(`${toWords(file)} has more than ${most} bytes, the limit of a parameter`, {
      hint: "Standard input takes more: --stdin",
    });
  return toText(file, bytes);
}

/** One byte more tells that there are more; nothing endless is read to its end. */
async function readAtMost(file: ParamFile, most: number): Promise<Buffer> {
  try {
    return await buffer(createReadStream(file.path, { end: most }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "is not there" : `can not be read (${code})`;
    throw new UsageError(`${toWords(file)} ${problem}`, {
      hint: `${file.name} takes the path of a file: ${file.name}=./a.conf`,
    });
  }
}

function toText(file: ParamFile, bytes: Buffer): string {
  const text = decode(bytes);
  if (text !== undefined && !text.includes("\0")) return text;
  const problem = text === undefined ? "is not UTF-8" : "holds a NUL character";
  throw new UsageError(`${toWords(file)} ${problem}`, {
    hint: "Binary files are not taken; encode them, or use standard input (--stdin).",
  });
}

/** A byte order mark is content as well. */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function toWords({ name, path }: ParamFile): string {
  return `the file ${JSON.stringify(path)} of ${name}`;
}
