import type { Command } from "commander";
import { restOf, type Surroundings } from "../command-context.ts";
import { addRunOptions, type RunOptions, toSharedRequest } from "../run-options.ts";
import { startRun } from "../start-run.ts";
import { action, newCommand } from "./command.ts";

export function execCommand(surroundings: Surroundings): Command {
  const command = newCommand("exec", {
    summary:
      "Run a command line on the targets of a selector, as docker exec does on one container",
    examples: [
      ["deckhand exec --on service=web -- nginx -t", "on every web container"],
      ["deckhand exec --on db-1 -u postgres -- psql -Atc 'select 1'", "as a user"],
      ["deckhand exec --on 'image=redis:*' -- redis-cli INFO", "by image"],
    ],
  }).usage("[options] --on <selector> -- <command> [arguments...]");
  return addRunOptions(command).action(
    action(surroundings, async (context, flags: RunOptions) => {
      const argv = [...restOf(context, "deckhand exec --on service=web -- nginx -t")];
      await startRun(context, flags, { argv, ...(await toSharedRequest(context, flags)) });
    }),
  );
}
