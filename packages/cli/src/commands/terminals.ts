import { Argument, type Command } from "commander";
import type { Terminal } from "@deckhand/core";
import { confirm, show, type Surroundings } from "../command-context.ts";
import { assertTerminal } from "../interactive/assert-terminal.ts";
import { attachTerminal } from "../interactive/attach-terminal.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../interactive/detach-keys.ts";
import { toOneLine } from "../terminal/sanitize.ts";
import { formatAgo } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

export function terminalsCommand(surroundings: Surroundings): Command {
  return newCommand("terminals", {
    summary: "Terminals in containers: list them, come back to one, end one",
    examples: [
      ["deckhand terminals", "which there are, and who watches"],
      ["deckhand exec -it db-1", "open one: a shell in a container"],
      [
        "deckhand terminals attach trm_01k…",
        "come back to one that was left, or watch with others",
      ],
      ["deckhand terminals end trm_01k…", "end it with all its processes"],
    ],
  })
    .action(
      action(surroundings, async (context) => {
        await show(context, await (await context.client()).listTerminals(), toList);
      }),
    )
    .addCommand(attachCommand(surroundings))
    .addCommand(endCommand(surroundings));
}

function toList(terminals: readonly Terminal[]): string {
  const now = Date.now();
  const rows = terminals.map(({ id, target, argv, by, since, watchers, end }) => [
    id,
    toOneLine(target.name),
    toOneLine(argv?.join(" ") ?? "(shell)").slice(0, 40),
    toOneLine(by?.name ?? "nobody"),
    formatAgo(since, now),
    String(watchers),
    end ? end.reason.code : "open",
  ]);
  return toTable(["TERMINAL", "TARGET", "COMMAND", "BY", "SINCE", "WATCHERS", "STATE"], rows);
}

function attachCommand(surroundings: Surroundings): Command {
  return newCommand("attach", {
    summary: "Show a terminal here and type into it; what it showed last comes first",
    examples: [
      ["deckhand terminals attach trm_01k…", "ctrl-p ctrl-q leaves it as it is"],
      ["deckhand terminals attach trm_01k… --detach-keys ctrl-]", "with another key to leave"],
      ["deckhand terminals attach trm_01k… --no-stdin", "only watch"],
    ],
  })
    .addArgument(terminalArgument())
    .option("--detach-keys <keys>", "what leaves it; none for nothing", DEFAULT_DETACH_KEYS)
    .option("--no-stdin", "only watch; nothing that is typed here reaches it")
    .action(
      action(
        surroundings,
        async (
          context,
          terminalId: string,
          flags: { readonly detachKeys: string; readonly stdin: boolean },
        ) => {
          const detachKeys = parseDetachKeys(flags.detachKeys);
          assertTerminal(surroundings, { interactive: flags.stdin });
          const client = await context.client();
          await client.getTerminal(terminalId);
          const options = { terminalId, interactive: flags.stdin, detachKeys, isReplay: true };
          await attachTerminal(context, client, options);
        },
      ),
    );
}

function endCommand(surroundings: Surroundings): Command {
  return newCommand("end", {
    summary: "End a terminal with all its processes",
    examples: [
      ["deckhand terminals end trm_01k…", "and wait until they are gone"],
      ["deckhand terminals", "which there are"],
      ["deckhand terminals end trm_01k… -o json", "how it ended, for a program"],
    ],
  })
    .addArgument(terminalArgument())
    .action(
      action(surroundings, async (context, terminalId: string) => {
        const ended = await (await context.client()).endTerminal(terminalId);
        for (const { pid, command } of ended.leftovers)
          context.say(`left running: ${command} (process ${pid})`);
        await confirm(context, `ended ${terminalId}`, ended);
      }),
    );
}

function terminalArgument(): Argument {
  return new Argument("<terminal>", "the terminal's id").argParser((word: string) => {
    if (/^trm_[0-9a-z]{26}$/.test(word)) return word;
    throw new UsageError(`${JSON.stringify(word)} is no terminal's id`, {
      hint: "An id is trm_ and 26 letters and digits; see: deckhand terminals",
    });
  });
}
