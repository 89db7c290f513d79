import type { Command } from "commander";
import { type CommandContext, type Surroundings, writeAll } from "../command-context.ts";
import { EXIT, exitCodeOfRun } from "../exit-codes.ts";
import { followToEnd } from "../follow-to-end.ts";
import { UsageError } from "../usage-error.ts";
import { prefixView } from "../views/prefix-view.ts";
import { frameBytes } from "../views/run-view.ts";
import type { ViewName } from "../views/pick-view.ts";
import { action, newCommand } from "./command.ts";

interface LogFlags {
  readonly follow?: boolean;
  readonly on?: string;
  readonly stream?: "stdout" | "stderr";
  readonly raw?: boolean;
}

export function logsCommand(surroundings: Surroundings): Command {
  return newCommand("logs", {
    summary: "Print what a run wrote, from the beginning",
    examples: [
      ["deckhand logs run_01k…", "all of it"],
      ["deckhand logs -f run_01k… --on db-2", "one target, while it runs"],
      ["deckhand logs run_01k… --on db-2 --stream stdout --raw >dump", "byte for byte"],
    ],
  })
    .argument("<run>", "the run's id")
    .option("-f, --follow", "go on until the run ends")
    .option("--on <target>", "only this target, by name or execution id")
    .option("--stream <stream>", "stdout or stderr only")
    .option("--raw", "the stored bytes of one execution, untouched")
    .action(action(surroundings, logs));
}

async function logs(context: CommandContext, runId: string, flags: LogFlags): Promise<void> {
  const client = await context.client();
  const run = await client.getRun(runId);
  const picked = run.executions.filter(
    ({ id, target }) => flags.on === undefined || flags.on === id || flags.on === target.name,
  );
  if (picked.length === 0) {
    const names = run.executions.map(({ target }) => target.name).join(", ");
    throw new UsageError(`the run has no target ${flags.on}`, {
      exitCode: EXIT.notFound,
      hint: `It has: ${names}`,
    });
  }
  if (flags.raw) return download(context, { runId, executions: picked.map(({ id }) => id), flags });
  const single = picked.length === 1;
  const view = prefixView(context, {
    server: client.server,
    names: picked.map(({ target }) => target.name),
    plain: true,
    withSummary: false,
  });
  const wanted = new Set(picked.map(({ id }) => id));
  const { stdout, stderr } = context.surroundings;
  const execution = single ? picked[0]?.id : undefined;
  for await (const update of flags.follow
    ? client.followRun(runId, execution === undefined ? {} : { execution })
    : pages()) {
    if (update.event !== "output" || !wanted.has(update.data.executionId)) continue;
    if (flags.stream && update.data.stream !== flags.stream) continue;
    if (context.options.output !== "text") await context.print(`${JSON.stringify(update.data)}\n`);
    else if (single)
      await writeAll(update.data.stream === "stdout" ? stdout : stderr, frameBytes(update.data));
    else await view.update(update);
  }
  await view.finish(run);

  async function* pages() {
    let after = 0;
    for (;;) {
      const page = await client.readOutput(runId, {
        after,
        limit: 1000,
        execution,
        stream: flags.stream,
      });
      for (const data of page.data) yield { event: "output" as const, data };
      if (page.next === after) return;
      after = page.next;
    }
  }
}

interface Download {
  readonly runId: string;
  readonly executions: readonly string[];
  readonly flags: LogFlags;
}

async function download(
  context: CommandContext,
  { runId, executions, flags }: Download,
): Promise<void> {
  const [execution, ...others] = executions;
  if (others.length > 0)
    throw new UsageError("--raw is for one execution", { hint: "Say which with --on NAME" });
  const bytes = await (await context.client()).downloadOutput(runId, {
    execution,
    stream: flags.stream ?? "both",
  });
  for await (const piece of bytes) await writeAll(context.surroundings.stdout, piece);
}

export function watchCommand(surroundings: Surroundings): Command {
  return newCommand("watch", {
    summary: "Show a run live, from its beginning, and exit as it does",
    examples: [
      ["deckhand watch run_01k…", "rows on a terminal, lines in a pipe"],
      ["deckhand watch run_01k… --view prefix", "lines"],
      ["deckhand watch run_01k… -o jsonl", "events for a program"],
    ],
  })
    .argument("<run>", "the run's id")
    .option("--view <view>", "auto, live, prefix, group, quiet or raw", "auto")
    .option("--plain", "no repainting, words in place of signs")
    .action(
      action(
        surroundings,
        async (
          context,
          runId: string,
          flags: { readonly view: ViewName; readonly plain?: boolean },
        ) => {
          const client = await context.client();
          const run = await client.getRun(runId);
          const choice = {
            view: flags.view,
            plain: flags.plain ?? false,
            exitStatus: true,
            onInterrupt: "leave" as const,
          };
          await followToEnd(context, client, { run, choice });
        },
      ),
    );
}

export function waitCommand(surroundings: Surroundings): Command {
  return newCommand("wait", {
    summary: "Wait for a run's end and exit as it does, without a word",
    examples: [
      ["deckhand wait run_01k…", "until it ends"],
      ["deckhand wait run_01k… && echo done", "in a script"],
      ["id=$(deckhand run db/backup --on db-1 --detach); deckhand wait $id", "later"],
    ],
  })
    .argument("<run>", "the run's id")
    .action(
      action(surroundings, async (context, runId: string) => {
        const client = await context.client();
        let run = await client.getRun(runId, { wait: "60s" });
        while (run.finishedAt === null) run = await client.getRun(runId, { wait: "60s" });
        if (context.options.output !== "text") await context.print(`${JSON.stringify(run)}\n`);
        context.exit(exitCodeOfRun(run));
      }),
    );
}

export function rerunCommand(surroundings: Surroundings): Command {
  return newCommand("rerun", {
    summary: "Run the same again, everywhere or only where it did not succeed",
    examples: [
      ["deckhand rerun run_01k…", "everywhere"],
      ["deckhand rerun run_01k… --failed", "where it did not succeed"],
      ["deckhand rerun run_01k… --failed --detach", "and leave"],
    ],
  })
    .argument("<run>", "the run's id")
    .option("--failed", "only targets where it did not succeed")
    .option("-d, --detach", "print the new run's id and leave")
    .option("--view <view>", "auto, live, prefix, group, quiet or raw", "auto")
    .option("--plain", "no repainting, words in place of signs")
    .action(
      action(surroundings, async (context, runId: string, flags: RerunFlags) => {
        const client = await context.client();
        const run = await client.rerun(runId, { only: flags.failed ? "failed" : "all" });
        if (flags.detach) return context.print(`${run.id}\n`);
        const choice = {
          view: flags.view,
          plain: flags.plain ?? false,
          exitStatus: true,
          onInterrupt: "cancel" as const,
        };
        await followToEnd(context, client, { run, choice });
      }),
    );
}

interface RerunFlags {
  readonly failed?: boolean;
  readonly detach?: boolean;
  readonly view: ViewName;
  readonly plain?: boolean;
}
