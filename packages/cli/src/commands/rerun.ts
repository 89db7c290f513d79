import type { Command } from "commander";
import type { Run } from "@deckhand/core";
import { SECRET_SHOWN } from "@deckhand/core/script/secret-value";
import { createAskingForParams, findSecretNames } from "../ask-params.ts";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { assertConfirmed, type Undertaking } from "../confirm-run.ts";
import { followToEnd } from "../follow-to-end.ts";
import { readParamWords } from "../param-words.ts";
import { addViewOptions, toFollowChoice, type ViewOptions } from "../run-options.ts";
import {
  addSecretOption,
  assertSecret,
  readSecrets,
  type SecretOptions,
} from "../secret-options.ts";
import { action, newCommand, runArgument } from "./command.ts";

interface RerunFlags extends ViewOptions, SecretOptions {
  readonly failed?: boolean;
  readonly detach?: boolean;
  readonly yes?: boolean;
}

export function rerunCommand(surroundings: Surroundings): Command {
  const command = newCommand("rerun", {
    summary: "Run the same again, everywhere or only where it did not succeed",
    examples: [
      ["deckhand rerun run_01k…", "everywhere"],
      ["deckhand rerun run_01k… --failed", "where it did not succeed"],
      ["deckhand rerun run_01k… --secret PASSWORD=@pw", "with a secret, which is never kept"],
    ],
  })
    .addArgument(runArgument())
    .argument("[parameters...]", "NAME=VALUE in place of the value it had, or NAME=@file")
    .option("--failed", "only targets where it did not succeed")
    .option("-d, --detach", "print the new run's id and leave")
    .option("-y, --yes", "do not ask before what is destructive, or on more than 10 targets");
  return addViewOptions(addSecretOption(command)).action(
    action(surroundings, (context, ...[runId, words, flags]: [string, string[], RerunFlags]) =>
      rerun(context, runId, { words, flags }),
    ),
  );
}

async function rerun(
  context: CommandContext,
  runId: string,
  { words, flags }: { readonly words: readonly string[]; readonly flags: RerunFlags },
): Promise<void> {
  const client = await context.client();
  const only = flags.failed ? ("failed" as const) : ("all" as const);
  const secrets = await readSecrets(context, flags);
  const program = toProgram(await client.getRun(runId));
  const declared = await findSecretNames(context, secrets.params, program);
  assertSecret(secrets, [...declared, ...program.secretNames]);
  const params = { ...(await readParamWords(context, words, program)), ...secrets.params };
  const open = async () => {
    if (!flags.yes) await assertConfirmed(context, toUndertaking(await client.getRun(runId), only));
    // Everything else was kept, so that only secrets can be missing.
    return createAskingForParams(context, {
      request: { only, params, secrets: secrets.stored },
      create: (request) => client.rerun(runId, request),
      findParams: async () => [],
    });
  };
  if (flags.detach) return show(context, await open(), ({ id }) => `${id}\n`);
  const choice = toFollowChoice(flags);
  await followToEnd(context, client, { open, onInterrupt: "cancel", choice });
}

/** A run does not show the text of a local file, so that nothing is known of its parameters. */
function toProgram({ script, params }: Run) {
  const secretNames = Object.keys(params).filter((name) =>
    String(params[name]).startsWith(SECRET_SHOWN),
  );
  return { secretNames, ...(script && { script: `${script.name}@${script.version}` }) };
}

function toUndertaking({ title, effect, counts }: Run, only: "all" | "failed"): Undertaking {
  const succeeded = only === "failed" ? (counts["succeeded"] ?? 0) : 0;
  return { title, effect, targets: counts.total - succeeded };
}
