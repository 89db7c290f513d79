import type { Command } from "commander";
import type { Surroundings } from "./command-context.ts";
import { EXIT, EXIT_CODES_HELP, exitCodeOfProblem } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";
import { VERSION } from "./version.ts";

/** Runs one command line; gives what the process exits with. */
export async function main(argv: readonly string[]): Promise<number> {
  // The commonest question of scripts is answered before anything is loaded.
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V"))
    return answer(`${VERSION}\n`);
  if (argv[0] === "help" && argv[1] === "exit-codes") return answer(EXIT_CODES_HELP);
  const [words, rest] = splitAtDashes(argv);
  const surroundings: Surroundings = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    rest,
    exitCode: EXIT.ok,
  };
  for (const stream of [process.stdout, process.stderr]) endQuietlyOnBrokenPipe(stream);
  try {
    if (argv[0] === "__complete") return await complete(surroundings, argv.slice(1));
    refuseToken(words);
    const { createProgram } = await import("./program.ts");
    const program = await createProgram(surroundings, words);
    prepare(program);
    const asked = findHelpWords(words);
    if (asked) return answer(toHelp(program, asked));
    await program.parseAsync([...words], { from: "user" });
    return surroundings.exitCode;
  } catch (error) {
    return report(error);
  }
}

async function complete(surroundings: Surroundings, words: readonly string[]): Promise<number> {
  const { printCandidates } = await import("./complete.ts");
  await printCandidates(surroundings, words);
  return EXIT.ok;
}

/** Whoever may list processes reads the words of a command line. */
function refuseToken(words: readonly string[]): void {
  if (!words.some((word) => word === "--token" || word.startsWith("--token="))) return;
  throw new UsageError("a token on the command line can be read by everybody on this machine", {
    hint: "Use --token-file, DECKHAND_TOKEN, or: deckhand context create NAME --server URL --token-stdin",
  });
}

function answer(text: string): number {
  process.stdout.write(text);
  return EXIT.ok;
}

/** What stands behind the first `--` is the script's or the command's, whatever it looks like. */
function splitAtDashes(
  argv: readonly string[],
): [words: readonly string[], rest: readonly string[] | undefined] {
  const at = argv.indexOf("--");
  return at < 0 ? [argv, undefined] : [argv.slice(0, at), argv.slice(at + 1)];
}

/** Commander's own help finds `help scripts`, but not `help scripts put`. */
function findHelpWords([first, ...names]: readonly string[]): readonly string[] | undefined {
  const isNested = first === "help" && names.length > 1;
  return isNested && names.every((name) => !name.startsWith("-")) ? names : undefined;
}

function toHelp(program: Command, names: readonly string[]): string {
  let command = program;
  for (const [index, name] of names.entries()) {
    const inner = command.commands.find((one) => [one.name(), ...one.aliases()].includes(name));
    if (!inner) throw noCommand(names.slice(0, index + 1), names.slice(0, index));
    command = inner;
  }
  let text = "";
  command.configureOutput({ writeOut: (piece) => void (text += piece) }).outputHelp();
  return text;
}

function noCommand(names: readonly string[], known: readonly string[]): UsageError {
  const hint = `See: ${["deckhand help", ...known].join(" ")}`;
  return new UsageError(`there is no command ${JSON.stringify(names.join(" "))}`, { hint });
}

function prepare(command: Command): void {
  command.exitOverride();
  command.configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, "deckhand: ")),
  });
  for (const inner of command.commands) prepare(inner);
}

/** `deckhand … | head` is no fault. */
function endQuietlyOnBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    throw error;
  });
}

/** Three lines at most: what, why, what to do. */
async function report(error: unknown): Promise<number> {
  const [{ CommanderError }, { ConnectionError, ProblemError }, { isAppError }] = await Promise.all(
    [import("commander"), import("@deckhand/client"), import("@deckhand/core/errors")],
  );
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError)
    return say(error.message, { hint: error.hint, exitCode: error.exitCode });
  if (error instanceof ConnectionError)
    return say(error.message, {
      hint: "Is it running? Start one with: deckhand serve   Look with: deckhand doctor",
      exitCode: EXIT.unavailable,
    });
  if (error instanceof ProblemError) {
    const { problem } = error;
    const places = (problem.errors ?? []).map(({ pointer, detail }) => `  ${pointer}: ${detail}`);
    const detail = [problem.detail, ...(places.length > 1 ? places : [])].join("\n");
    return say(detail, { hint: problem.hint, exitCode: exitCodeOfProblem(problem) });
  }
  if (isAppError(error))
    return say(error.message, { hint: error.hint, exitCode: exitCodeOfProblem(error) });
  if (process.env["DECKHAND_DEBUG"]) process.stderr.write(`${(error as Error).stack}\n`);
  return say(`internal error: ${(error as Error).message}`, {
    hint: "DECKHAND_DEBUG=1 shows where.",
    exitCode: EXIT.internal,
  });
}

interface Report {
  readonly hint: string | undefined;
  readonly exitCode: number;
}

async function say(what: string, { hint, exitCode }: Report): Promise<number> {
  // What a server or a script's name says must not command the terminal.
  const { sanitizeText } = await import("./terminal/sanitize.ts");
  process.stderr.write(sanitizeText(`deckhand: ${what}\n${hint ? `  ${hint}\n` : ""}`));
  return exitCode;
}
