import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { exitCodeOfRun } from "../exit-codes.ts";
import { followToEnd } from "../follow-to-end.ts";
import { addViewOptions, toFollowChoice, type ViewOptions } from "../run-options.ts";
import { action, newCommand, runArgument } from "./command.ts";

/** Shorter than what proxies between usually allow a silent answer. */
const WAIT_AT_ONCE = "30s";

export function watchCommand(surroundings: Surroundings): Command {
  const command = newCommand("watch", {
    summary: "Show a run live, from its beginning, and exit as it does; Ctrl-C only leaves",
    examples: [
      ["deckhand watch run_01k…", "rows on a terminal, lines in a pipe"],
      ["deckhand watch run_01k… --view prefix", "lines"],
      ["deckhand watch run_01k… -o jsonl", "events for a program"],
    ],
  }).addArgument(runArgument());
  return addViewOptions(command).action(action(surroundings, watch));
}

async function watch(context: CommandContext, runId: string, flags: ViewOptions): Promise<void> {
  const client = await context.client();
  const open = () => client.getRun(runId);
  const choice = toFollowChoice(flags);
  await followToEnd(context, client, { open, onInterrupt: "leave", choice });
}

export function waitCommand(surroundings: Surroundings): Command {
  return newCommand("wait", {
    summary: "Wait for a run's end and exit as it does, without a word",
    examples: [
      ["deckhand wait run_01k…", "until it ends"],
      ["deckhand wait run_01k… && echo done", "in a script"],
      ["id=$(deckhand run db/backup --on db-1 --detach); deckhand wait $id", "later"],
    ],
  })
    .addArgument(runArgument())
    .action(action(surroundings, wait));
}

async function wait(context: CommandContext, runId: string): Promise<void> {
  const client = await context.client();
  let run = await client.getRun(runId, { wait: WAIT_AT_ONCE });
  while (run.finishedAt === null) run = await client.getRun(runId, { wait: WAIT_AT_ONCE });
  await show(context, run, () => "");
  context.exit(exitCodeOfRun(run));
}
