import { ConnectionError, type DeckhandClient } from "@deckhand/client";
import type { Run } from "@deckhand/core";
import type { CommandContext } from "./command-context.ts";
import { EXIT, exitCodeOfRun, highestExitCode } from "./exit-codes.ts";
import { type InterruptMeaning, type Interrupts, listenForInterrupts } from "./interrupts.ts";
import { UsageError } from "./usage-error.ts";
import type { ViewChoice } from "./views/pick-view.ts";
import type { RunView } from "./views/run-view.ts";

export interface FollowChoice extends Omit<ViewChoice, "client"> {
  /** `max`: the highest code of all executions. */
  readonly exit?: "max" | undefined;
  /** False: a run that ended exits 0, whatever became of it. */
  readonly exitStatus: boolean;
}

export interface FollowRequest {
  /** Creates the run, or reads one that exists. */
  readonly open: () => Promise<Run>;
  readonly onInterrupt: InterruptMeaning;
  readonly choice: FollowChoice;
}

/** Opens a run, shows it to its end and sets the exit code. */
export async function followToEnd(
  context: CommandContext,
  client: DeckhandClient,
  { open, onInterrupt, choice }: FollowRequest,
): Promise<void> {
  const { pickView } = await import("./views/pick-view.ts");
  const interrupts = listenForInterrupts(context, client, onInterrupt);
  try {
    const run = await open();
    const view = pickView(context, run, { ...choice, client });
    if (run.executions.length === 0) view.notice("no target matched; nothing was started");
    interrupts.started({ id: run.id, notice: view.notice });
    const ended = await show(context, client, { run, view });
    context.exit(toExitCode(ended, { choice, interrupts }));
  } finally {
    interrupts.stop();
  }
}

async function show(
  context: CommandContext,
  client: DeckhandClient,
  { run, view }: { readonly run: Run; readonly view: RunView },
): Promise<Run> {
  try {
    for await (const update of client.followRun(run.id, { encoding: encodingFor(context) })) {
      if (update.event === "disconnected")
        view.notice("connection lost, the run goes on; trying to resume…");
      else if (update.event === "reconnected")
        view.notice(`resumed after output ${update.data.after}, nothing is missing`);
      else await view.update(update);
    }
    const isDocument = context.options.output === "json";
    const ended = await client.getRun(run.id, { includeOutput: isDocument });
    await view.finish(ended);
    if (isDocument) await context.print(`${JSON.stringify(ended, undefined, 2)}\n`);
    return ended;
  } catch (error) {
    throw error instanceof ConnectionError ? gaveUp(error, run.id) : error;
  } finally {
    view.close?.();
  }
}

/** Who reads bytes takes them as they come soonest; JSON shows text as text. */
export function encodingFor({ options }: CommandContext): "text" | "base64" {
  return options.output === "text" ? "base64" : "text";
}

function gaveUp({ message }: ConnectionError, runId: string): UsageError {
  const hint = `The run goes on. Come back with: deckhand watch ${runId}`;
  return new UsageError(message, { exitCode: EXIT.unavailable, hint });
}

interface Ending {
  readonly choice: FollowChoice;
  readonly interrupts: Interrupts;
}

function toExitCode(run: Run, { choice: { exit, exitStatus }, interrupts }: Ending): number {
  if (interrupts.happened && run.state !== "succeeded") return EXIT.interrupted;
  if (!exitStatus) return EXIT.ok;
  return exit === "max" ? highestExitCode(run) : exitCodeOfRun(run);
}
