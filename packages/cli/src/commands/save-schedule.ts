import type { RunRequestInput, Schedule, ScheduleBodyInput } from "@deckhand/core";
import { OVERLAP_POLICIES } from "@deckhand/core/contract/choices";
import { type Command, Option } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { findSecretNames } from "../ask-params.ts";
import { readParamWords } from "../param-words.ts";
import { addRequestOptions, toSharedRequest } from "../run-options.ts";
import { addScriptOptions, type ScriptOptions, toScriptRequest } from "../script-request.ts";
import {
  addSecretOption,
  assertSecret,
  readSecrets,
  type SecretOptions,
} from "../secret-options.ts";
import { UsageError } from "../usage-error.ts";
import { toScheduleDetail } from "../views/schedule-text.ts";
import { action, collect, newCommand } from "./command.ts";

interface TimeFlags {
  readonly tz?: string;
  readonly jitter?: string;
  readonly overlap?: Schedule["overlap"];
  readonly missed?: Schedule["missed"]["policy"];
  readonly missedMost?: string;
  readonly missedWithin?: string;
  readonly grace?: string;
  readonly from?: string;
  readonly until?: string;
  readonly description?: string;
}

function addTimeOptions(command: Command): Command {
  return command
    .option("--tz <zone>", "whose clocks count (else UTC)")
    .option("--jitter <span>", "start up to so much later, always equally much for the same time")
    .addOption(
      new Option(
        "--overlap <what>",
        "while the run before goes on: skip (else), queue, replace that one, or allow both",
      ).choices(OVERLAP_POLICIES),
    )
    .addOption(
      new Option(
        "--missed <what>",
        "what could not start in time: skip it (else), start one for all, or all",
      ).choices(["skip", "one", "all"]),
    )
    .option("--missed-most <n>", "all: the newest so many (else 10)")
    .option("--missed-within <span>", "nothing older than this (else 24h)")
    .option("--grace <span>", "so much later is still in time (else 1m)")
    .option("--from <time>", "never before, as 2026-12-01T00:00:00Z")
    .option("--until <time>", "never from then on")
    .option("--description <text>", "what it is for");
}

interface CreateFlags extends TimeFlags, ScriptOptions {
  readonly disabled?: boolean;
}

export function createScheduleCommand(surroundings: Surroundings): Command {
  const command = newCommand("create", {
    summary: "Make a schedule: what runs, where and when",
    examples: [
      [
        "deckhand schedules create nightly '0 3 * * *' db/vacuum --on label=role=db --tz Europe/Berlin",
        "a stored script, each night",
      ],
      [
        "deckhand schedules create watch '@every 10m' ./check.sh --on svc/web --overlap queue",
        "a local file, kept with the schedule",
      ],
      [
        "deckhand schedules create rotate @daily --on svc/web -- logrotate /etc/logrotate.conf",
        "a command line",
      ],
    ],
  })
    .usage("[options] <name> <cron> [script] [parameters...] [-- arguments...]")
    .argument("<name>", "small letters, digits, . _ and -")
    .argument("<cron>", "5 fields, 6 with seconds in front, @daily and the like, or @every 10m")
    .argument("[script]", "a stored script's name, a file, or - for standard input")
    .argument("[parameters...]", "NAME=VALUE, or NAME=@file");
  addTimeOptions(command).option("--disabled", "keep it, and start nothing yet");
  return addRequestOptions(addScriptOptions(command)).action(
    action(
      surroundings,
      async (
        context,
        ...[name, cron, script, words, flags]: [
          string,
          string,
          string | undefined,
          string[],
          CreateFlags,
        ]
      ) => {
        const run = await toRun(context, script, { words, flags });
        const body = { name, cron, ...toTimes(flags), enabled: !flags.disabled, run };
        const made = await (await context.client()).schedules.create(body);
        context.say(`made the schedule ${name}`);
        await show(context, made, toScheduleDetail);
      },
    ),
  );
}

async function toRun(
  context: CommandContext,
  script: string | undefined,
  { words, flags }: { readonly words: readonly string[]; readonly flags: CreateFlags },
): Promise<RunRequestInput> {
  if (script !== undefined) return toScriptRequest(context, { script, words, flags });
  const argv = context.surroundings.rest ?? [];
  if (argv.length > 0) {
    const secrets = await readSecrets(context, flags);
    assertSecret(secrets, []);
    const shared = await toSharedRequest(context, flags);
    return { ...shared, secrets: secrets.stored, argv: [...argv] };
  }
  throw new UsageError("it is not said what is to run", {
    hint: "Name a stored script or a file behind the cron expression, or put a command line behind --",
  });
}

function toTimes(flags: TimeFlags, before?: Schedule) {
  const { tz, jitter, overlap, missed, missedMost, missedWithin, grace, from, until } = flags;
  return {
    ...given("timeZone", tz),
    ...given("jitter", jitter),
    ...given("overlap", overlap),
    missed: {
      ...before?.missed,
      ...given("policy", missed),
      ...given("most", missedMost === undefined ? undefined : Number(missedMost)),
      ...given("within", missedWithin),
      ...given("grace", grace),
    },
    ...given("from", from),
    ...given("until", until),
    ...given("description", flags.description),
  };
}

function given<Name extends string, Value>(name: Name, value: Value | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}

interface SetFlags extends TimeFlags, SecretOptions {
  readonly cron?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly on?: string[];
  readonly except?: string[];
}

export function setScheduleCommand(surroundings: Surroundings): Command {
  const command = newCommand("set", {
    summary: "Change a schedule; what is not named stays",
    examples: [
      ["deckhand schedules set nightly --cron '0 4 * * *'", "another time"],
      [
        "deckhand schedules set nightly --on svc/db --overlap queue FULL=true",
        "elsewhere, with a parameter",
      ],
      ["deckhand schedules set nightly --secret PGPASSWORD=db/main", "with a stored secret"],
      ["deckhand schedules set nightly --disable", "off, until --enable"],
    ],
  })
    .argument("<name>", "the schedule's name")
    .argument("[parameters...]", "NAME=VALUE in place of the value it had, or NAME=@file")
    .option("--cron <cron>", "when it is due");
  return addSecretOption(addTimeOptions(command))
    .option("--on <selector>", "where, in place of what it had; repeat to add more", collect)
    .option("--except <selector>", "what is left out", collect)
    .option("--enable", "start it by its times")
    .option("--disable", "start nothing of it")
    .action(
      action(surroundings, async (context, name: string, words: string[], flags: SetFlags) => {
        const { schedules } = await context.client();
        const before = await schedules.get(name);
        const program = (before.run ?? {}) as RunRequestInput;
        const secrets = await readSecrets(context, flags);
        assertSecret(secrets, await findSecretNames(context, secrets.params, program));
        const fromWords = await readParamWords(context, words, program);
        const params = { ...fromWords, ...secrets.params };
        const body = toChanged(before, { params, secrets: secrets.stored, flags });
        const changed = await schedules.replace(before, body);
        context.say(`changed the schedule ${name}`);
        await show(context, changed, toScheduleDetail);
      }),
    );
}

interface Changes {
  readonly params: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly flags: SetFlags;
}

function toChanged(before: Schedule, { params, secrets, flags }: Changes): ScheduleBodyInput {
  const { description, cron, timeZone, jitter, from, until, enabled, overlap, run } = before;
  const kept = { description, cron, timeZone, jitter, enabled, overlap };
  return {
    ...kept,
    ...given("from", from ?? undefined),
    ...given("until", until ?? undefined),
    ...toTimes(flags, before),
    ...given("cron", flags.cron),
    ...(flags.enable && { enabled: true }),
    ...(flags.disable && { enabled: false }),
    run: {
      ...(run as RunRequestInput),
      ...given("on", flags.on),
      ...given("except", flags.except),
      params: { ...without(run?.params, secrets), ...params },
      secrets: { ...without(run?.secrets, params), ...secrets },
    },
  };
}

/** A value takes the place of a stored secret, and the other way round. */
function without<Value>(kept: Readonly<Record<string, Value>> = {}, given: object) {
  return Object.fromEntries(Object.entries(kept).filter(([name]) => !Object.hasOwn(given, name)));
}
