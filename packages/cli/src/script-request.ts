import { basename } from "node:path";
import type { RunRequestInput } from "@deckhand/core";
import type { Command } from "commander";
import { findSecretNames } from "./ask-params.ts";
import type { CommandContext } from "./command-context.ts";
import { readParamWords } from "./param-words.ts";
import { readStdinText, readText, type RunOptions, toSharedRequest } from "./run-options.ts";
import {
  addSecretOption,
  assertSecret,
  assertStdinIsFree,
  readSecrets,
  type SecretOptions,
} from "./secret-options.ts";
import { addSqlOptions, type SqlOptions, toSqlRequest } from "./sql-options.ts";
import { UsageError } from "./usage-error.ts";

/** Options of commands that are given a script. */
export interface ScriptOptions extends RunOptions, SecretOptions, SqlOptions {
  readonly interpreter?: string;
  readonly params?: string;
}

/** A script with the words behind it. */
export interface ScriptWords<Options extends ScriptOptions = ScriptOptions> {
  readonly script: string;
  readonly words: readonly string[];
  readonly flags: Options;
}

export function addScriptOptions(command: Command): Command {
  command
    .option(
      "-i, --interpreter <command>",
      "what runs it, when neither header, shebang nor extension say",
    )
    .option("--params <file>", "parameters as a JSON object");
  return addSqlOptions(addSecretOption(command));
}

/** Reads the script, its parameters and where it is to run as a request. */
export async function toScriptRequest(
  context: CommandContext,
  { script, words, flags }: ScriptWords,
): Promise<RunRequestInput> {
  if (script === "-" || flags.stdin) assertStdinIsFree(flags);
  const secrets = await readSecrets(context, flags);
  const program = await toProgram(context, script, flags);
  assertSecret(secrets, await findSecretNames(context, secrets.params, program));
  const shared = await toSharedRequest(context, flags);
  const fromFile = await readParams(flags.params);
  const fromWords = await readParamWords(context, words, program);
  return {
    ...program,
    ...shared,
    params: { ...fromFile, ...fromWords, ...secrets.params },
    secrets: secrets.stored,
    ...toSqlRequest(flags),
    args: [...(context.surroundings.rest ?? [])],
  };
}

async function toProgram(
  context: CommandContext,
  script: string,
  flags: ScriptOptions,
): Promise<Pick<RunRequestInput, "script" | "inline">> {
  const interpreter = flags.interpreter === undefined ? {} : { interpreter: flags.interpreter };
  if (script === "-") {
    if (flags.stdin)
      throw new UsageError("standard input is the script already; --stdin can not have it too");
    return { inline: { text: await readStdinText(context), name: "stdin", ...interpreter } };
  }
  if (!isFile(script)) {
    if (flags.interpreter)
      throw new UsageError(
        "a stored script has its interpreter; --interpreter is for files and standard input",
      );
    return { script };
  }
  return { inline: { text: await readText(script), name: basename(script), ...interpreter } };
}

/** Stored names have no extension; a path says that it is one. */
function isFile(script: string): boolean {
  return /^(\.{0,2}\/|~)/.test(script) || /\.[A-Za-z0-9]+$/.test(script);
}

async function readParams(
  path: string | undefined,
): Promise<NonNullable<RunRequestInput["params"]>> {
  if (path === undefined) return {};
  const params = parseJson(await readText(path));
  if (typeof params === "object" && params !== null && !Array.isArray(params))
    return params as NonNullable<RunRequestInput["params"]>;
  throw new UsageError(`${path} is not a JSON object`, {
    hint: 'Write a value for each name, such as {"TABLE": "orders"}',
  });
}

/** Undefined when it is not valid; the parser's own words quote the text, which may hold a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
