import type { DeckhandClient } from "@deckhand/client";
import type { Run } from "@deckhand/core";
import type { CommandContext } from "./command-context.ts";
import { EXIT, exitCodeOfRun, highestExitCode } from "./exit-codes.ts";
import { pickView, type ViewChoice } from "./views/pick-view.ts";

export interface FollowChoice extends Omit<ViewChoice, "server"> {
  /** `max`: the highest code of all executions. */
  readonly exit?: "max" | undefined;
  /** False: a run that ended exits 0, whatever became of it. */
  readonly exitStatus: boolean;
  /** What the first Ctrl-C does: cancel the run, or only leave it. */
  readonly onInterrupt: "cancel" | "leave";
}

/** Shows a run to its end and sets the exit code. */
export async function followToEnd(
  context: CommandContext,
  client: DeckhandClient,
  { run, choice }: { readonly run: Run; readonly choice: FollowChoice },
): Promise<void> {
  const view = pickView(context, run, { ...choice, server: client.server });
  const stopListening = listenForInterrupts(context, client, {
    runId: run.id,
    notice: view.notice,
    choice,
  });
  try {
    for await (const update of client.followRun(run.id)) {
      if (update.event === "disconnected")
        view.notice("connection lost, the run goes on; trying to resume…");
      else if (update.event === "reconnected")
        view.notice(`resumed after output ${update.data.after}, nothing is missing`);
      else await view.update(update);
    }
    const ended = await client.getRun(run.id, { includeOutput: context.options.output === "json" });
    await view.finish(ended);
    if (context.options.output === "json")
      await context.print(`${JSON.stringify(ended, undefined, 2)}\n`);
    context.exit(toExitCode(ended, choice));
  } finally {
    stopListening();
  }
}

function toExitCode(run: Run, { exit, exitStatus }: FollowChoice): number {
  if (!exitStatus) return EXIT.ok;
  return exit === "max" ? highestExitCode(run) : exitCodeOfRun(run);
}

interface Interruption {
  readonly runId: string;
  readonly notice: (text: string) => void;
  readonly choice: FollowChoice;
}

/** The first Ctrl-C cancels in the containers and waits; the second leaves at once. */
function listenForInterrupts(
  context: CommandContext,
  client: DeckhandClient,
  { runId, notice, choice }: Interruption,
): () => void {
  let interrupts = 0;
  const onInterrupt = () => {
    interrupts += 1;
    if (interrupts > 1 || choice.onInterrupt === "leave")
      return leave(context, `the run goes on; see: deckhand watch ${runId}`);
    notice(`cancelling ${runId}; Ctrl-C again leaves at once`);
    client
      .cancelRun(runId)
      .catch((error: Error) => notice(`it could not be cancelled: ${error.message}`));
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  return () => {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onInterrupt);
  };
}

function leave(context: CommandContext, text: string): never {
  context.say(text);
  process.exit(EXIT.interrupted);
}
