import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { followToEnd } from "../follow-to-end.ts";
import { addViewOptions, toFollowChoice, toParams, type ViewOptions } from "../run-options.ts";
import { action, newCommand, runArgument } from "./command.ts";

interface RerunFlags extends ViewOptions {
  readonly failed?: boolean;
  readonly detach?: boolean;
}

export function rerunCommand(surroundings: Surroundings): Command {
  const command = newCommand("rerun", {
    summary: "Run the same again, everywhere or only where it did not succeed",
    examples: [
      ["deckhand rerun run_01k…", "everywhere"],
      ["deckhand rerun run_01k… --failed", "where it did not succeed"],
      ["deckhand rerun run_01k… PASSWORD=@pw", "with a secret, which is never kept"],
    ],
  })
    .addArgument(runArgument())
    .argument("[parameters...]", "NAME=VALUE in place of the value it had, or NAME=@file")
    .option("--failed", "only targets where it did not succeed")
    .option("-d, --detach", "print the new run's id and leave");
  return addViewOptions(command).action(
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
  const params = await toParams(words);
  const open = () => client.rerun(runId, { only, params });
  if (flags.detach) return show(context, await open(), ({ id }) => `${id}\n`);
  const choice = toFollowChoice(flags);
  await followToEnd(context, client, { open, onInterrupt: "cancel", choice });
}
