import type { RunRequestInput } from "@deckhand/core";
import { findDeclaredParams } from "./ask-params.ts";
import type { CommandContext } from "./command-context.ts";
import { readParamFile } from "./param-file.ts";
import { readText } from "./run-options.ts";
import { UsageError } from "./usage-error.ts";

const NAME_AND_VALUE = /^([A-Za-z_]\w*)=([\s\S]*)$/;

/** `NAME=VALUE`, or `NAME=@file` for a file's content; for a parameter of the type `file` both are a path. */
export async function readParamWords(
  context: CommandContext,
  words: readonly string[],
  program: Pick<RunRequestInput, "script" | "inline">,
): Promise<Record<string, string>> {
  if (words.length === 0) return {};
  const given = Object.fromEntries(words.map(toNameAndValue));
  const declared = await findDeclaredParams(await context.client(), program);
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const isFile = declared.find((param) => param.name === name)?.type === "file";
    const path = value.startsWith("@") ? value.slice(1) : value;
    if (isFile) params[name] = await readParamFile(context, { name, path });
    else params[name] = path === value ? value : await readText(path);
  }
  return params;
}

function toNameAndValue(word: string): readonly [string, string] {
  const [, name, value] = NAME_AND_VALUE.exec(word) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`${JSON.stringify(word)} is no parameter`, {
    hint: "Write NAME=VALUE; arguments of the script go behind --",
  });
}
