import type { Command } from "commander";
import type { Surroundings } from "../command-context.ts";
import { addRunOptions } from "../run-options.ts";
import { addScriptOptions, type ScriptOptions, toScriptRequest } from "../script-request.ts";
import { startRun } from "../start-run.ts";
import { action, newCommand } from "./command.ts";

export function runCommand(surroundings: Surroundings): Command {
  const command = newCommand("run", {
    summary: "Run a stored script, a local file or standard input on the targets of a selector",
    examples: [
      ["deckhand run ./vacuum.sh --on label=role=db", "a local file, every matching container"],
      [
        "deckhand run db/vacuum --on project=shop,svc/db TABLE=public.orders",
        "a stored script with a parameter",
      ],
      ["deckhand run report.py --on svc/api --pick 1", "on one of them, another each time"],
      ["deckhand run backup.sh --on db-1 -- --full /backup", "arguments for the script"],
      [
        "deckhand run db/check --on db-1 --secret PGPASSWORD=db/main",
        "with a stored secret; =@file and =- read a file or standard input",
      ],
      [
        "deckhand run web/reload --on svc/web CONFIG=./app.conf",
        "a file for a parameter of that type",
      ],
      ["cat fix.py | deckhand run - -i python3 --on api-1", "a script from standard input"],
    ],
  })
    .argument(
      "<script>",
      "a stored script's name (name@3: that version), a file (./x.sh, x.sh), or - for standard input",
    )
    .argument("[parameters...]", "NAME=VALUE, or NAME=@file");
  return addRunOptions(addScriptOptions(command)).action(
    action(surroundings, async (context, script: string, words: string[], flags: ScriptOptions) => {
      await startRun(context, flags, await toScriptRequest(context, { script, words, flags }));
    }),
  );
}
