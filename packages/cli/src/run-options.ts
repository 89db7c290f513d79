import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import type {
  PickStrategy,
  ResourceLimitName,
  ResourceLimits,
  RunRequestInput,
  SurvivorPolicy,
} from "@deckhand/core";
import { PICK_STRATEGIES, SURVIVOR_POLICIES } from "@deckhand/core/contract/choices";
import type { CommandContext } from "./command-context.ts";
import { collect } from "./commands/command.ts";
import type { FollowChoice } from "./follow-to-end.ts";
import { addRolloutOptions, type RolloutOptions, toRolloutRequest } from "./rollout-options.ts";
import { UsageError } from "./usage-error.ts";
import { VIEWS, type ViewName } from "./views/view-name.ts";

/** Options that `run` and `exec` share. */
export interface RunOptions extends ViewOptions, LimitOptions, RolloutOptions {
  readonly on?: string[];
  readonly except?: string[];
  readonly one?: boolean;
  readonly pick?: number;
  readonly strategy?: PickStrategy;
  readonly max?: number;
  readonly allowEmpty?: boolean;
  readonly env?: string[];
  readonly stdin?: boolean;
  readonly user?: string;
  readonly workdir?: string;
  readonly timeout?: string;
  readonly killGrace?: string;
  readonly survivors?: SurvivorPolicy;
  readonly reason?: string;
  readonly detach?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly idempotencyKey?: string;
  readonly exit?: "max";
  readonly exitStatus: boolean;
}

/** Which limit of a request each option stands for. */
const LIMIT_BY_OPTION = {
  nice: "nice",
  oomScore: "oomScore",
  cpuTime: "cpuTime",
  openFiles: "openFiles",
  fileSize: "fileBytes",
  maxProcesses: "processes",
  umask: "umask",
} as const satisfies Record<string, ResourceLimitName>;

type LimitOptions = { readonly [Option in keyof typeof LIMIT_BY_OPTION]?: string };

export interface ViewOptions {
  readonly view: ViewName;
  readonly plain?: boolean;
}

export function addViewOptions(command: Command): Command {
  const view = new Option("--view <view>", "how several targets are shown");
  return command
    .addOption(view.choices(VIEWS).default("auto"))
    .option("--plain", "no repainting, words in place of signs");
}

export function addRunOptions(command: Command, timeoutFlags = "-t, --timeout <span>"): Command {
  addRequestOptions(addViewOptions(command), timeoutFlags);
  return command
    .option("-d, --detach", "print the run's id and leave")
    .option("--dry-run", "show what would run where, and start nothing")
    .option("-y, --yes", "do not ask before what is destructive, or on more than 10 targets")
    .option("--idempotency-key <key>", "the same key never starts a second run")
    .addOption(
      new Option("--exit <how>", "with several targets: the highest exit code").choices(["max"]),
    )
    .option("--no-exit-status", "exit 0 when the run ended, whatever became of it");
}

/** What a run request says, whoever makes it, now or later. */
export function addRequestOptions(
  command: Command,
  timeoutFlags = "-t, --timeout <span>",
): Command {
  addPlaceOptions(command);
  addLimitOptions(command, timeoutFlags);
  addRolloutOptions(command);
  return command.option("--reason <text>", "why, for the history");
}

function addPlaceOptions(command: Command): Command {
  return command
    .option(
      "--on <selector>",
      "targets: a name, label=role=db, svc/db, @group, project=shop,health=healthy; repeat to add more",
      collect,
    )
    .option("--except <selector>", "targets to leave out", collect)
    .option("--one", "one target of each compose service, a healthy one where there is such")
    .option("--pick <n>", "only so many of those that match", countOf("--pick"))
    .addOption(
      new Option(
        "--strategy <how>",
        "which ones --pick takes: the next each time (else), the least busy, any",
      ).choices(PICK_STRATEGIES),
    )
    .option("--max <n>", "refuse to run on more targets than this", countOf("--max"))
    .option("--allow-empty", "succeed when nothing matches")
    .option("-e, --env <name=value>", "a variable for the script", collect)
    .option("--stdin", "hand our standard input to the script")
    .option("-u, --user <user>", "the user in the container")
    .option("-w, --workdir <path>", "the working directory in the container");
}

function addLimitOptions(command: Command, timeoutFlags: string): Command {
  return command
    .option(timeoutFlags, "stop it after 30s, 10m, 1h30m")
    .option("--kill-grace <span>", "time between TERM and KILL when it is stopped")
    .option("--nice <n>", "its nice value, -20 to 19")
    .option("--oom-score <n>", "0 to 1000: how soon it is ended when memory runs out (else 1000)")
    .option("--cpu-time <span>", "CPU time of each process: 30s, 10m")
    .option("--open-files <n>", "open files of each process")
    .option("--file-size <size>", "the largest file that it can write: 64KiB, 10MiB")
    .option("--max-processes <n>", "processes of the user in all, not of the script alone")
    .option("--umask <digits>", "its file mode mask, such as 027")
    .addOption(
      new Option(
        "--survivors <what>",
        "background processes of a script that ended: end them (else), or wait for them",
      ).choices(SURVIVOR_POLICIES),
    );
}

/** Reads the number of an option that takes one from 1. */
export function countOf(option: string): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
    throw new UsageError(`${option} takes a number from 1, not ${JSON.stringify(text)}`);
  };
}

/** The part of a request that does not depend on what is run. */
export async function toSharedRequest(
  context: CommandContext,
  options: RunOptions,
): Promise<Omit<RunRequestInput, "script" | "inline" | "argv">> {
  const { on, except, one, user, workdir, timeout, killGrace, survivors, reason, max } = options;
  if (!on)
    throw new UsageError("say where: --on SELECTOR", {
      hint: "For example: --on label=role=db   (see: deckhand targets)",
    });
  const resourceLimits = await readLimits(options);
  return {
    on,
    ...(except && { except }),
    ...(one && { onePerService: true }),
    ...toPick(options),
    ...(user !== undefined && { user }),
    ...(workdir !== undefined && { workdir }),
    ...(reason !== undefined && { reason }),
    ...(options.allowEmpty && { allowEmpty: true }),
    env: toVariables(options.env ?? []),
    ...(options.stdin && { stdin: { base64: await readStdin(context) } }),
    limits: {
      ...(timeout !== undefined && { timeout }),
      ...(killGrace !== undefined && { killGrace }),
      ...(max !== undefined && { maxTargets: max }),
      ...resourceLimits,
    },
    ...(survivors !== undefined && { survivors }),
    ...toRolloutRequest(options),
  };
}

function toPick({ pick, strategy }: RunOptions): Pick<RunRequestInput, "pick"> {
  if (pick !== undefined) return { pick: { count: pick, ...(strategy && { strategy }) } };
  if (strategy === undefined) return {};
  throw new UsageError("--strategy says which ones --pick takes, and there is no --pick", {
    hint: `For example: --pick 1 --strategy ${strategy}`,
  });
}

async function readLimits(options: LimitOptions): Promise<ResourceLimits> {
  const names = Object.keys(LIMIT_BY_OPTION) as (keyof LimitOptions)[];
  const given = names.flatMap((name) => {
    const text = options[name];
    return text === undefined ? [] : [[LIMIT_BY_OPTION[name], text] as const];
  });
  if (given.length === 0) return {};
  const { RESOURCE_LIMITS, readResourceLimit } = await import(
    "@deckhand/core/script/read-resource-limit"
  );
  const limits = given.map(([name, text]) => {
    const limit = readResourceLimit(name, text);
    if (limit) return limit;
    const { word, takes } = RESOURCE_LIMITS[name];
    throw new UsageError(`--${word} takes ${takes}, not ${JSON.stringify(text)}`);
  });
  return Object.assign({}, ...limits) as ResourceLimits;
}

export function toVariables(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
      throw new UsageError(`--env takes NAME=VALUE, not ${JSON.stringify(pair)}`);
    }),
  );
}

async function readStdin({ surroundings: { stdin } }: CommandContext): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stdin) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString("base64");
}

/** Reads all of our standard input. */
export async function readStdinText(context: CommandContext): Promise<string> {
  return Buffer.from(await readStdin(context), "base64").toString();
}

/** Reads a file of the user's. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`${path} can not be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

export function toFollowChoice(
  options: ViewOptions & Partial<Pick<RunOptions, "exit" | "exitStatus">>,
): FollowChoice {
  const { view, plain = false, exit, exitStatus = true } = options;
  return { view, plain, exit, exitStatus };
}
