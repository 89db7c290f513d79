import type { Command } from "commander";
import { show, type Surroundings } from "../command-context.ts";
import { toHistoryTable, toNextTable } from "../views/schedule-text.ts";
import { action, newCommand } from "./command.ts";

export function nextTimesCommand(surroundings: Surroundings): Command {
  return newCommand("next", {
    summary: "Show when a schedule, or a cron expression, is due next",
    examples: [
      ["deckhand schedules next nightly", "of a schedule"],
      [
        "deckhand schedules next '30 2 * 3 SUN#L' --tz Europe/Berlin",
        "what a change of the clocks does to it",
      ],
      ["deckhand schedules next '@every 10m' -o json", "for a program"],
    ],
  })
    .argument("<schedule>", "a schedule's name, or a cron expression")
    .option("-n, --count <n>", "how many, up to 100", "5")
    .option("--tz <zone>", "whose clocks count, for an expression", "UTC")
    .action(
      action(surroundings, async (context, what: string, flags: NextFlags) => {
        const { schedules } = await context.client();
        const count = Number(flags.count);
        const times = isCron(what)
          ? schedules.preview({ cron: what, timeZone: flags.tz, count })
          : schedules.next(what, count);
        await show(context, await times, toNextTable);
      }),
    );
}

interface NextFlags {
  readonly count: string;
  readonly tz: string;
}

/** No name has a space, or an @ in front. */
function isCron(what: string): boolean {
  return what.startsWith("@") || /\s/.test(what);
}

export function historyCommand(surroundings: Surroundings): Command {
  return newCommand("history", {
    summary: "Show what became of each time of a schedule, the newest first",
    examples: [
      ["deckhand schedules history nightly", "the last 20"],
      ["deckhand schedules history nightly --result refused", "what could not be started, and why"],
      ["deckhand runs --origin schedule/nightly", "its runs"],
    ],
  })
    .argument("<name>", "the schedule's name")
    .option("--result <result>", "started, skipped, refused or missed")
    .option("-n, --limit <n>", "how many", "20")
    .option("--after <cursor>", "go on, as the list before said")
    .action(
      action(surroundings, async (context, name: string, flags: Record<string, string>) => {
        const page = await (await context.client()).schedules.history(name, flags);
        if (context.options.output === "jsonl") return show(context, page.data, () => "");
        await show(context, page, (shown) => toHistoryTable(name, shown));
      }),
    );
}
