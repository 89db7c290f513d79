import type { Command } from "commander";
import { show, type Surroundings } from "../command-context.ts";
import { followToEnd } from "../follow-to-end.ts";
import { addViewOptions, toFollowChoice, type ViewOptions } from "../run-options.ts";
import { toScheduleDetail } from "../views/schedule-text.ts";
import { action, newCommand } from "./command.ts";

export function pauseCommand(surroundings: Surroundings): Command {
  return newCommand("pause", {
    summary: "Start nothing more of a schedule until it is resumed",
    examples: [
      ["deckhand schedules pause nightly", "what goes on goes on"],
      ["deckhand schedules pause nightly --reason 'OPS-412'", "and say why"],
      ["deckhand schedules resume nightly", "what was due meanwhile is not made up for"],
    ],
  })
    .argument("<name>", "the schedule's name")
    .option("--reason <text>", "why, for the others")
    .action(
      action(
        surroundings,
        async (context, name: string, { reason }: { readonly reason?: string }) => {
          const paused = await (await context.client()).schedules.pause(name, reason);
          await show(context, paused, toScheduleDetail);
        },
      ),
    );
}

export function resumeCommand(surroundings: Surroundings): Command {
  return newCommand("resume", {
    summary: "Go on with a schedule that is paused",
    examples: [
      ["deckhand schedules resume nightly", "from the next time on"],
      ["deckhand schedules next nightly", "when that is"],
      ["deckhand schedules run nightly", "and once now"],
    ],
  })
    .argument("<name>", "the schedule's name")
    .action(
      action(surroundings, async (context, name: string) => {
        const resumed = await (await context.client()).schedules.resume(name);
        await show(context, resumed, toScheduleDetail);
      }),
    );
}

interface RunFlags extends ViewOptions {
  readonly detach?: boolean;
}

export function runScheduleCommand(surroundings: Surroundings): Command {
  const command = newCommand("run", {
    summary: "Run a schedule's script now, as it would run by itself",
    examples: [
      ["deckhand schedules run nightly", "and follow it; the times it is due at do not change"],
      ["deckhand schedules run nightly -d", "print the run's id and leave"],
      ["deckhand schedules history nightly", "it is in its history"],
    ],
  })
    .argument("<name>", "the schedule's name")
    .option("-d, --detach", "print the run's id and leave");
  return addViewOptions(command).action(
    action(surroundings, async (context, name: string, flags: RunFlags) => {
      const client = await context.client();
      const open = () => client.schedules.runNow(name);
      if (flags.detach) return show(context, await open(), ({ id }) => `${id}\n`);
      const choice = toFollowChoice(flags);
      await followToEnd(context, client, { open, onInterrupt: "cancel", choice });
    }),
  );
}
