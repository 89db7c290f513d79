import type { DeckhandClient } from "@deckhand/client";
import type { Execution, OutputFrame, Run } from "@deckhand/core";
import { type Command, Option } from "commander";
import { type CommandContext, show, type Surroundings, writeAll } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { encodingFor } from "../follow-to-end.ts";
import { UsageError } from "../usage-error.ts";
import { prefixView } from "../views/prefix-view.ts";
import { frameBytes } from "../views/run-view.ts";
import { printSame } from "../views/same-view.ts";
import { action, newCommand, runArgument } from "./command.ts";

interface LogFlags {
  readonly follow?: boolean;
  readonly on?: string;
  readonly stream?: OutputFrame["stream"];
  readonly raw?: boolean;
  readonly view?: "same";
}

const MOST_FRAMES_A_PAGE = 1_000;

export function logsCommand(surroundings: Surroundings): Command {
  return newCommand("logs", {
    summary: "Print what a run wrote, from the beginning",
    examples: [
      ["deckhand logs run_01k…", "all of it"],
      ["deckhand logs -f run_01k… --on db-2", "one target, while it runs"],
      ["deckhand logs run_01k… --view same", "each output once, under the names of its targets"],
      ["deckhand logs run_01k… --on db-2 --stream stdout --raw >dump", "byte for byte"],
    ],
  })
    .addArgument(runArgument())
    .option("-f, --follow", "go on until the run ends")
    .option("--on <target>", "only this target, by name or execution id")
    .addOption(new Option("--stream <stream>", "only this one").choices(["stdout", "stderr"]))
    .addOption(
      new Option("--view <view>", "same: each output once, with those that wrote it").choices([
        "same",
      ]),
    )
    .option("--raw", "the stored bytes of one execution, untouched")
    .action(action(surroundings, logs));
}

async function logs(context: CommandContext, runId: string, flags: LogFlags): Promise<void> {
  const client = await context.client();
  if (flags.view) return logsSame(context, client, { runId, flags });
  const run = await client.getRun(runId);
  const picked = pickExecutions(run, flags.on);
  if (flags.raw) return download(context, client, { run, picked, flags });
  const frames = readFrames(context, client, { run, picked, flags });
  if (context.options.output === "json") return printList(context, frames);
  if (context.options.output === "jsonl") return printLines(context, frames);
  return picked.length === 1
    ? printBytes(context, frames)
    : printPrefixed(context, client, { run, picked, frames });
}

async function logsSame(
  context: CommandContext,
  client: DeckhandClient,
  { runId, flags }: { readonly runId: string; readonly flags: LogFlags },
): Promise<void> {
  const other = (["follow", "on", "stream", "raw"] as const).find((name) => flags[name]);
  if (other) throw new UsageError(`--view same is about all of a run, and --${other} is not`);
  const same = await client.groupSameOutput(runId);
  if (context.options.output === "text") await printSame(context, runId, same);
  else await show(context, context.options.output === "json" ? same : same.data, () => "");
}

interface LogRequest {
  readonly run: Run;
  readonly picked: readonly Execution[];
  readonly flags: LogFlags;
}

function pickExecutions(run: Run, wanted: string | undefined): readonly Execution[] {
  if (wanted === undefined) return run.executions;
  const picked = run.executions.filter(({ id, target }) => [id, target.name].includes(wanted));
  if (picked.length > 0) return picked;
  const names = run.executions.map(({ target }) => target.name).join(", ");
  const options = { exitCode: EXIT.notFound, hint: `It has: ${names || "none"}` };
  throw new UsageError(`the run has no target ${wanted}`, options);
}

/** The frames that are wanted: those that are stored, or all until the end. */
async function* readFrames(
  context: CommandContext,
  client: DeckhandClient,
  { run, picked, flags }: LogRequest,
): AsyncGenerator<OutputFrame> {
  const wanted = new Set(picked.map(({ id }) => id));
  const execution = picked.length === 1 ? picked[0]?.id : undefined;
  const frames = flags.follow
    ? followFrames(context, client, { runId: run.id, execution })
    : storedFrames(client, { runId: run.id, execution });
  for await (const frame of frames) {
    const isStream = flags.stream === undefined || frame.stream === flags.stream;
    if (isStream && wanted.has(frame.executionId)) yield frame;
  }
}

interface FrameSource {
  readonly runId: string;
  readonly execution: string | undefined;
}

async function* storedFrames(
  client: DeckhandClient,
  { runId, execution }: FrameSource,
): AsyncGenerator<OutputFrame> {
  for (let after = 0; ; ) {
    const limit = MOST_FRAMES_A_PAGE;
    const page = await client.readOutput(runId, { after, limit, execution });
    yield* page.data;
    if (page.next === after) return;
    after = page.next;
  }
}

async function* followFrames(
  context: CommandContext,
  client: DeckhandClient,
  { runId, execution }: FrameSource,
): AsyncGenerator<OutputFrame> {
  const updates = client.followRun(runId, { execution, encoding: encodingFor(context) });
  for await (const update of updates) {
    if (update.event === "output") yield update.data;
    if (update.event === "disconnected") context.say("connection lost; trying to resume…");
    if (update.event === "reconnected") context.say("resumed, nothing is missing");
  }
}

/** One valid document, however long it gets. */
async function printList(context: CommandContext, frames: AsyncIterable<OutputFrame>) {
  let before = "[\n";
  for await (const frame of frames) {
    await context.print(`${before}${JSON.stringify(frame)}`);
    before = ",\n";
  }
  await context.print(before === "[\n" ? "[]\n" : "\n]\n");
}

async function printLines(context: CommandContext, frames: AsyncIterable<OutputFrame>) {
  for await (const frame of frames) await context.print(`${JSON.stringify(frame)}\n`);
}

async function printBytes({ surroundings }: CommandContext, frames: AsyncIterable<OutputFrame>) {
  for await (const frame of frames) await writeAll(surroundings[frame.stream], frameBytes(frame));
}

interface PrefixedLog extends Omit<LogRequest, "flags"> {
  readonly frames: AsyncIterable<OutputFrame>;
}

async function printPrefixed(
  context: CommandContext,
  { server }: DeckhandClient,
  { run, picked, frames }: PrefixedLog,
): Promise<void> {
  const names = picked.map(({ target }) => target.name);
  const view = prefixView(context, { server, names, plain: true, withSummary: false });
  for await (const data of frames) await view.update({ event: "output", data });
  await view.finish(run);
}

async function download(
  { surroundings }: CommandContext,
  client: DeckhandClient,
  { run, picked, flags }: LogRequest,
): Promise<void> {
  const [only, ...others] = picked;
  if (!only || others.length > 0)
    throw new UsageError("--raw is for one execution", { hint: "Say which with --on NAME" });
  if (flags.follow)
    throw new UsageError("--raw takes what is stored, not what comes", {
      hint: "With one target --follow is byte for byte too; leave --raw away",
    });
  const query = { execution: only.id, stream: flags.stream ?? "both" };
  const bytes = await client.downloadOutput(run.id, query);
  for await (const piece of bytes) await writeAll(surroundings.stdout, piece);
}
