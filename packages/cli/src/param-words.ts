import type { RunRequestInput } from "@deckhand/core";
import { findDeclaredParams } from "./ask-params.ts";
import type { CommandContext } from "./command-context.ts";
import { readParamFile } from "./param-file.ts";
import { readText } from "./run-options.ts";
import { UsageError } from "./usage-error.ts";

const NAME_AND_VALUE = /^([A-Za-z_]\w*)=([\s\S]*)$/;

/** What is known of the program's parameters. */
export interface KnownParams extends Pick<RunRequestInput, "script" | "inline"> {
  /** Parameters that were secret when it ran before. */
  readonly secretNames?: readonly string[];
}

/**
 * `NAME=VALUE`, or `NAME=@file` for a file's content; for a parameter of the type `file` both are a path. Refuses the value
 * of a secret: the list of processes shows it.
 */
export async function readParamWords(
  context: CommandContext,
  words: readonly string[],
  { secretNames = [], ...program }: KnownParams,
): Promise<Record<string, string>> {
  if (words.length === 0) return {};
  const given = Object.fromEntries(words.map(toNameAndValue));
  const declared = await findDeclaredParams(await context.client(), program);
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const param = declared.find((one) => one.name === name);
    const path = value.startsWith("@") ? value.slice(1) : value;
    const isSecret = param?.secret ?? secretNames.includes(name);
    if (isSecret && path === value) throw isOpen(name);
    if (param?.type === "file") params[name] = await readParamFile(context, { name, path });
    else params[name] = path === value ? value : await readText(path);
  }
  return params;
}

function isOpen(name: string): UsageError {
  return new UsageError(
    `${name} is secret, and everybody on this machine can read a command line`,
    {
      hint: `Write --secret ${name}=@file, --secret ${name}=- or the name of a stored one: --secret ${name}=db/main`,
    },
  );
}

function toNameAndValue(word: string): readonly [string, string] {
  const [, name, value] = NAME_AND_VALUE.exec(word) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`${JSON.stringify(word)} is no parameter`, {
    hint: "Write NAME=VALUE; arguments of the script go behind --",
  });
}
