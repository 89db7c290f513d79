import { Argument, Command, Option } from "commander";
import { type CommandContext, contextOf, type Surroundings } from "../command-context.ts";
import { UsageError } from "../usage-error.ts";

export interface CommandText {
  readonly summary: string;
  /** Whole command lines, with what they do. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
}

const EXAMPLES = new WeakMap<Command, CommandText["examples"]>();

/** The examples that a command's help begins with. */
export function examplesOf(command: Command): CommandText["examples"] {
  return EXAMPLES.get(command) ?? [];
}

/** A command with the options that all have; its help begins with examples. */
export function newCommand(name: string, { summary, examples }: CommandText): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, meaning]) => `  ${line.padEnd(width)}  # ${meaning}`);
  const command = new Command(name)
    .description(summary)
    .addHelpText("before", `${summary}\n\nExamples:\n${lines.join("\n")}\n`)
    .configureHelp({ commandDescription: () => "" })
    .showSuggestionAfterError();
  EXAMPLES.set(command, examples);
  return command;
}

/** Adds the options that every command takes. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option("--server <url>", "the server's address (DECKHAND_SERVER)")
    .option("--context <name>", "a server by name (DECKHAND_CONTEXT)")
    .option("--token-file <path>", "a file with the token (DECKHAND_TOKEN_FILE)")
    .addOption(
      new Option("-o, --output <format>", "what to print")
        .choices(["text", "json", "jsonl"])
        .default("text"),
    )
    .addOption(
      new Option("--color <when>", "colours").choices(["auto", "always", "never"]).default("auto"),
    );
}

/** Makes an action of commander from one that gets its tools first. */
export function action<Arguments extends unknown[]>(
  surroundings: Surroundings,
  act: (context: CommandContext, ...words: Arguments) => Promise<void>,
): (this: Command, ...words: unknown[]) => Promise<void> {
  return async function run(this: Command, ...words: unknown[]) {
    await act(contextOf(surroundings, this), ...(words as Arguments));
  };
}

/** For options that may be given several times. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** The argument of commands about one run. */
export function runArgument(): Argument {
  return new Argument("<run>", "the run's id").argParser((word: string) => {
    if (/^run_[0-9a-z]{26}$/.test(word)) return word;
    throw new UsageError(`${JSON.stringify(word)} is no run's id`, {
      hint: "An id is run_ and 26 letters and digits; see: deckhand runs",
    });
  });
}
