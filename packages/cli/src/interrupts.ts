import type { DeckhandClient } from "@deckhand/client";
import type { CommandContext } from "./command-context.ts";
import { EXIT } from "./exit-codes.ts";

/** What the first Ctrl-C does: cancel the run, or only leave it. */
export type InterruptMeaning = "cancel" | "leave";

interface StartedRun {
  readonly id: string;
  /** Shows a line of ours without spoiling what is on the screen. */
  readonly notice: (text: string) => void;
}

export interface Interrupts {
  /** True when somebody pressed Ctrl-C. */
  readonly happened: boolean;
  /** The run exists now; an interruption that came before is carried out. */
  started(run: StartedRun): void;
  stop(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** The first Ctrl-C cancels in the containers and waits, also when the run has no id yet; the second leaves at once. */
export function listenForInterrupts(
  context: CommandContext,
  client: DeckhandClient,
  meaning: InterruptMeaning,
): Interrupts {
  let count = 0;
  let run: StartedRun | undefined;

  function cancel({ id, notice }: StartedRun): void {
    notice(`cancelling ${id}; Ctrl-C again leaves at once`);
    client
      .cancelRun(id)
      .catch((error: Error) => notice(`it could not be cancelled: ${error.message}`));
  }

  function onSignal(): void {
    count += 1;
    if (meaning === "leave" || count > 1) return leave(context, toParting(run?.id, meaning));
    if (run) cancel(run);
    else context.say("cancelling as soon as the run has an id; Ctrl-C again leaves at once");
  }

  /** `deckhand exec … | head`: the run does not end because nobody reads it, so that is said. */
  function onBrokenPipe({ code }: NodeJS.ErrnoException): void {
    if (code !== "EPIPE" || run === undefined) return;
    leave(
      context,
      `nobody reads the output any more, the run goes on; see: deckhand watch ${run.id}`,
    );
  }

  const { stdout } = context.surroundings;
  stdout.prependListener("error", onBrokenPipe);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    get happened() {
      return count > 0;
    },
    started: (startedRun) => {
      run = startedRun;
      if (count > 0) cancel(run);
    },
    stop: () => {
      stdout.off("error", onBrokenPipe);
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}

function toParting(runId: string | undefined, meaning: InterruptMeaning): string {
  if (runId === undefined) return "left before the server answered; see: deckhand runs";
  const fate = meaning === "leave" ? "the run goes on" : "the server goes on cancelling";
  return `${fate}; see: deckhand watch ${runId}`;
}

function leave(context: CommandContext, text: string): never {
  context.say(text);
  process.exit(EXIT.interrupted);
}
