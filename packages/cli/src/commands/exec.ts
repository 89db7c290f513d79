import type { Command } from "commander";
import { type CommandContext, restOf, type Surroundings } from "../command-context.ts";
import { DEFAULT_DETACH_KEYS } from "../interactive/detach-keys.ts";
import { openTerminal, type TerminalOptions } from "../interactive/open-terminal.ts";
import { addRunOptions, type RunOptions, toSharedRequest } from "../run-options.ts";
import { startRun } from "../start-run.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

type ExecOptions = RunOptions & Omit<TerminalOptions, "on"> & { readonly tty?: boolean };

/** What a run has and a terminal has not. */
const ONLY_OF_RUNS = [
  ["except", "--except"],
  ["max", "--max"],
  ["allowEmpty", "--allow-empty"],
  ["stdin", "--stdin"],
  ["timeout", "--timeout"],
  ["killGrace", "--kill-grace"],
  ["survivors", "--survivors"],
  ["nice", "--nice"],
  ["oomScore", "--oom-score"],
  ["cpuTime", "--cpu-time"],
  ["openFiles", "--open-files"],
  ["fileSize", "--file-size"],
  ["maxProcesses", "--max-processes"],
  ["umask", "--umask"],
  ["reason", "--reason"],
  ["detach", "--detach"],
  ["dryRun", "--dry-run"],
  ["idempotencyKey", "--idempotency-key"],
  ["exit", "--exit"],
] as const satisfies readonly (readonly [keyof RunOptions, string])[];

export function execCommand(surroundings: Surroundings): Command {
  const command = newCommand("exec", {
    summary:
      "Run a command line on the targets of a selector, or a terminal in one, as docker exec does",
    examples: [
      ["deckhand exec --on service=web -- nginx -t", "on every web container"],
      ["deckhand exec -it db-1", "a shell in one container; ctrl-p ctrl-q leaves it running"],
      ["deckhand exec -it db-1 -u postgres -- psql", "a program that wants a terminal"],
      ["deckhand exec --on db-1 -u postgres -- psql -Atc 'select 1'", "as a user"],
      ["deckhand exec --on 'image=redis:*' -- redis-cli INFO", "by image"],
    ],
  })
    .usage("[options] [target] -- <command> [arguments...]")
    .argument("[target...]", "the same as --on");
  return addRunOptions(command, "--timeout <span>")
    .option("-i, --interactive", "hand on what is typed; without -t the same as --stdin")
    .option("-t, --tty", "a terminal in one container, in the place of this one")
    .option("--detach-keys <keys>", "what leaves a terminal; none for nothing", DEFAULT_DETACH_KEYS)
    .action(
      action(surroundings, async (context, targets: readonly string[], given: ExecOptions) => {
        const flags = withTarget(given, targets);
        if (flags.tty) return execOnTerminal(context, flags);
        const argv = [...restOf(context, "deckhand exec --on service=web -- nginx -t")];
        const options = { ...flags, ...(flags.interactive && { stdin: true }) };
        await startRun(context, options, { argv, ...(await toSharedRequest(context, options)) });
      }),
    );
}

async function execOnTerminal(context: CommandContext, flags: ExecOptions): Promise<void> {
  const [, unfit] = ONLY_OF_RUNS.find(([name]) => flags[name] !== undefined) ?? [];
  if (unfit !== undefined) throw new UsageError(`${unfit} is for runs, and -t opens a terminal`);
  const { rest = [] } = context.surroundings;
  await openTerminal(context, flags, rest.length > 0 ? rest : undefined);
}

function withTarget(flags: ExecOptions, targets: readonly string[]): ExecOptions {
  const [target, ...words] = targets;
  if (target === undefined) return flags;
  if (words.length > 0) {
    const options = flags.tty ? "-it " : "";
    throw new UsageError("the command stands behind --", {
      hint: `Write: deckhand exec ${options}${target} -- ${words.join(" ")}`,
    });
  }
  return { ...flags, on: [...(flags.on ?? []), target] };
}
