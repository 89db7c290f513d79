import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { collect } from "./commands/command.ts";
import { readStdinText, readText } from "./run-options.ts";
import { UsageError } from "./usage-error.ts";

export interface SecretOptions {
  readonly secret?: readonly string[];
}

/** Values to be sent, and stored secrets by name. */
export interface GivenSecretOptions {
  readonly params: Record<string, string>;
  readonly stored: Record<string, string>;
}

const NAME_AND_SOURCE = /^([A-Za-z_]\w*)=(.+)$/;

export function addSecretOption(command: Command): Command {
  return command.option(
    "--secret <name=source>",
    "a secret parameter: NAME=db/main (a stored secret), NAME=@file, or NAME=- for standard input",
    collect,
  );
}

/** Never a value: the list of processes would show it. */
export async function readSecrets(
  context: CommandContext,
  { secret = [] }: SecretOptions,
): Promise<GivenSecretOptions> {
  if (secret.filter(isFromStdin).length > 1) throw stdinIsTaken();
  const given: GivenSecretOptions = { params: {}, stored: {} };
  for (const word of secret) {
    const { name, source } = toNameAndSource(word);
    if (source === "-") given.params[name] = withoutLineEnd(await readStdinText(context));
    else if (source.startsWith("@"))
      given.params[name] = withoutLineEnd(await readText(source.slice(1)));
    else given.stored[name] = source;
  }
  return given;
}

/** Refuses values for what the program does not take as secrets: it would keep and show them. */
export function assertSecret(
  { params }: Pick<GivenSecretOptions, "params">,
  secretNames: readonly string[],
): void {
  const open = Object.keys(params).find((name) => !secretNames.includes(name));
  if (open === undefined) return;
  throw new UsageError(`the script does not declare ${open} as @secret, so it would be shown`, {
    hint: `Write "# @secret ${open}" into its header, or store the value and name it: --secret ${open}=db/main`,
  });
}

function toNameAndSource(word: string): { readonly name: string; readonly source: string } {
  const [, name, source] = NAME_AND_SOURCE.exec(word) ?? [];
  if (name !== undefined && source !== undefined) return { name, source };
  throw new UsageError("--secret takes NAME=SOURCE", {
    hint: "The source is the name of a stored secret, @file, or - for standard input.",
  });
}

/** Standard input can be read once. */
export function assertStdinIsFree({ secret = [] }: SecretOptions): void {
  if (secret.some(isFromStdin)) throw stdinIsTaken();
}

function isFromStdin(word: string): boolean {
  return word.endsWith("=-");
}

function stdinIsTaken(): UsageError {
  return new UsageError("standard input is taken already; a secret can not come from it too", {
    hint: "Put the secret into a file: --secret NAME=@file",
  });
}

/** Files and `echo` end in one; a password does not. */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, "");
}
