import type { Schedule, ScheduleBodyInput } from "@deckhand/core";
import type { Command } from "commander";
import type { Surroundings } from "../command-context.ts";
import { SCHEDULE_COLUMNS, toScheduleDetail } from "../views/schedule-text.ts";
import { newCommand } from "./command.ts";
import {
  type DefinitionWords,
  listDefinitionsCommand,
  removeDefinitionCommand,
  showDefinitionCommand,
} from "./definition-commands.ts";
import { createScheduleCommand, setScheduleCommand } from "./save-schedule.ts";
import { historyCommand, nextTimesCommand } from "./schedule-times.ts";
import { pauseCommand, resumeCommand, runScheduleCommand } from "./steer-schedule.ts";

const SCHEDULES: DefinitionWords<Schedule, ScheduleBodyInput> = {
  one: "schedule",
  many: "schedules",
  command: "deckhand schedules",
  example: "nightly",
  first: "deckhand schedules create nightly '0 3 * * *' db/vacuum --on label=role=db",
  of: (client) => client.schedules,
  columns: SCHEDULE_COLUMNS,
  toDetail: toScheduleDetail,
};

export function schedulesCommand(surroundings: Surroundings): Command {
  return newCommand("schedules", {
    summary: "Runs that start by time",
    examples: [
      [
        "deckhand schedules create nightly '0 3 * * *' db/vacuum --on label=role=db",
        "each night at three",
      ],
      ["deckhand schedules next '0 3 * * *' --tz Europe/Berlin", "when would that be?"],
      ["deckhand schedules history nightly", "what became of it"],
    ],
  })
    .addCommand(listDefinitionsCommand(surroundings, SCHEDULES))
    .addCommand(createScheduleCommand(surroundings))
    .addCommand(setScheduleCommand(surroundings))
    .addCommand(showDefinitionCommand(surroundings, SCHEDULES))
    .addCommand(nextTimesCommand(surroundings))
    .addCommand(pauseCommand(surroundings))
    .addCommand(resumeCommand(surroundings))
    .addCommand(runScheduleCommand(surroundings))
    .addCommand(historyCommand(surroundings))
    .addCommand(removeDefinitionCommand(surroundings, SCHEDULES));
}
