import { z } from "zod";

/** YAML reads a number or a truth value where Rundeck means a text. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const flag = z.union([z.boolean(), z.stringbool()]);

const option = z.looseObject({
  name: text,
  label: text.optional(),
  description: text.optional(),
  required: flag.default(false),
  value: text.optional(),
  values: z.array(text).default([]),
  enforced: flag.default(false),
  regex: text.optional(),
  multivalued: flag.default(false),
  delimiter: text.optional(),
  secure: flag.default(false),
  storagePath: text.optional(),
  valuesUrl: text.optional(),
  isDate: flag.default(false),
  hidden: flag.default(false),
  type: text.optional(),
});
export type RundeckOption = z.output<typeof option>;

const step = z.looseObject({
  exec: text.optional(),
  script: text.optional(),
  args: text.optional(),
  scriptInterpreter: text.optional(),
  description: text.optional(),
});
export type RundeckStep = z.output<typeof step>;

const schedule = z.looseObject({
  crontab: text.optional(),
  time: z
    .looseObject({ hour: text.default("0"), minute: text.default("0"), seconds: text.default("0") })
    .optional(),
  weekday: z.looseObject({ day: text.default("*") }).optional(),
  dayofmonth: z.looseObject({ day: text.default("*") }).optional(),
  month: text.default("*"),
  year: text.default("*"),
});
export type RundeckSchedule = z.output<typeof schedule>;

/** Rundeck goes from node to node and stops at the first failure where nothing else is said. */
const dispatch = z.looseObject({
  keepgoing: flag.default(false),
  threadcount: text.default("1"),
  rankOrder: text.default("ascending"),
});

/** A job as `rd jobs list -f jobs.yaml --format yaml` writes it, as far as it is read; other keys are kept, to be told of. */
export const rundeckJob = z.looseObject({
  name: text,
  group: text.nullish(),
  description: text.nullish(),
  timeout: text.optional(),
  multipleExecutions: flag.default(false),
  executionEnabled: flag.default(true),
  scheduleEnabled: flag.default(true),
  schedule: schedule.optional(),
  timeZone: text.optional(),
  tags: z.union([text.transform((all) => all.split(",")), z.array(text)]).default([]),
  nodefilters: z
    .looseObject({
      filter: text.optional(),
      filterExclude: text.optional(),
      dispatch: dispatch.optional(),
    })
    .optional(),
  options: z.array(option).default([]),
  sequence: z
    .looseObject({ keepgoing: flag.default(false), commands: z.array(step).default([]) })
    .prefault({}),
});
export type RundeckJob = z.output<typeof rundeckJob>;
