import { basename } from "node:path";
import type { Command } from "commander";
import type { RunRequestInput } from "@deckhand/core";
import type { CommandContext, Surroundings } from "../command-context.ts";
import {
  addRunOptions,
  readStdinText,
  readText,
  type RunOptions,
  toParams,
  toSharedRequest,
} from "../run-options.ts";
import {
  addSecretOption,
  assertStdinIsFree,
  readSecrets,
  type SecretOptions,
} from "../secret-options.ts";
import { addSqlOptions, type SqlOptions, toSqlRequest } from "../sql-options.ts";
import { startRun } from "../start-run.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

interface RunFlags extends RunOptions, SecretOptions, SqlOptions {
  readonly interpreter?: string;
  readonly params?: string;
}

export function runCommand(surroundings: Surroundings): Command {
  const command = newCommand("run", {
    summary: "Run a stored script, a local file or standard input on the targets of a selector",
    examples: [
      ["deckhand run ./vacuum.sh --on label=role=db", "a local file, every matching container"],
      [
        "deckhand run db/vacuum --on project=shop TABLE=public.orders",
        "a stored script with a parameter",
      ],
      ["deckhand run report.py --on svc/api --pick 1", "on one of them, another each time"],
      ["deckhand run backup.sh --on db-1 -- --full /backup", "arguments for the script"],
      [
        "deckhand run db/vacuum --on db-1 --secret PGPASSWORD=db/main",
        "with a stored secret; =@file and =- read a file or standard input",
      ],
      ["cat fix.py | deckhand run - -i python3 --on api-1", "a script from standard input"],
    ],
  })
    .argument(
      "<script>",
      "a stored script's name (name@3: that version), a file (./x.sh, x.sh), or - for standard input",
    )
    .argument("[parameters...]", "NAME=VALUE, or NAME=@file")
    .option(
      "-i, --interpreter <command>",
      "what runs it, when neither header, shebang nor extension say",
    )
    .option("--params <file>", "parameters as a JSON object");
  addSecretOption(command);
  return addSqlOptions(addRunOptions(command)).action(
    action(surroundings, (context, script: string, words: string[], flags: RunFlags) =>
      run(context, { script, words, flags }),
    ),
  );
}

interface RunWords {
  readonly script: string;
  readonly words: readonly string[];
  readonly flags: RunFlags;
}

async function run(context: CommandContext, { script, words, flags }: RunWords): Promise<void> {
  if (script === "-" || flags.stdin) assertStdinIsFree(flags);
  const secrets = await readSecrets(context, flags);
  const request: RunRequestInput = {
    ...(await toProgram(context, script, flags)),
    ...(await toSharedRequest(context, flags)),
    params: { ...(await readParams(flags.params)), ...(await toParams(words)), ...secrets.params },
    secrets: secrets.stored,
    ...toSqlRequest(flags),
    args: [...(context.surroundings.rest ?? [])],
  };
  await startRun(context, flags, request);
}

async function toProgram(
  context: CommandContext,
  script: string,
  flags: RunFlags,
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
