import { writeFile } from "node:fs/promises";
import type { Argument, Command, Option } from "commander";
import { examplesOf } from "./commands/command.ts";
import { EXIT, EXIT_CODES_HELP } from "./exit-codes.ts";
import { createProgram } from "./program.ts";

export const REFERENCE_PATH = new URL("../../../docs/cli.md", import.meta.url).pathname;

const INTRODUCTION = `# Command line

This page is made from the command tree by \`node packages/cli/src/generate-reference.ts\`; a test fails when it is out of date.
\`deckhand help COMMAND\` says the same in a terminal.

## Which server, which token

A flag goes before the environment, the environment before the current context, that before the server of this machine.

| what | flag | environment | else |
|---|---|---|---|
| server | \`--server\` | \`DECKHAND_SERVER\` | the context's, then \`http://127.0.0.1:8000\` |
| context | \`--context\` | \`DECKHAND_CONTEXT\` | the one that \`deckhand context use\` chose |
| token | \`--token-file\` | \`DECKHAND_TOKEN\`, \`DECKHAND_TOKEN_FILE\` | the context's; on this machine the server's \`first-token\`, where it may be read |

Contexts are in \`$XDG_CONFIG_HOME/deckhand/config.yaml\`, their tokens in \`$XDG_STATE_HOME/deckhand/credentials\`, which only you can
read. A context's token is sent to the context's server and to no other. A token is never a flag: everybody on a machine can read
the command lines of its processes.

## What is printed where

Output of scripts goes to stdout and stderr as the script wrote it; progress, summaries and our own lines (they begin with
\`deckhand:\`) go to stderr.

| situation | \`--view\` | what you see |
|---|---|---|
| one target | \`raw\` | its bytes, untouched |
| several, on a terminal | \`live\` | a row each, drawn anew when something changes; at the end what failed, first |
| several, in a pipe | \`prefix\` | \`name \\| line\`, whole lines |
| on request | \`group\` | each target's lines in one block when it ends |
| on request | \`same\` | at the end each output once, under the names of those that wrote it ([same output](selectors.md#same-output)) |
| on request | \`quiet\` | the summary only |

With several targets control sequences other than colours are taken out. \`-o json\` prints one document at the end, \`-o jsonl\`
one a line as things happen. \`NO_COLOR\`, \`CLICOLOR_FORCE\` and \`--color\` are heeded; \`--plain\` or \`TERM=dumb\` uses words for signs.

## What is asked first

On a terminal \`run\`, \`exec\` and \`rerun\` ask before a script whose header says \`@effect destructive\`, and before a run on more
than 10 targets; \`--yes\` answers beforehand. Where nobody can be asked (no terminal, or standard input is in use) a destructive
script needs \`--yes\` and is else refused with 64. Who says no gets 125.

## Ctrl-C and lost connections

In \`run\`, \`exec\` and \`rerun\` the first Ctrl-C cancels the run in the containers and waits for the end; the second leaves at once
while the server goes on cancelling. In \`watch\`, \`wait\` and \`logs -f\` it only leaves. When the connection is lost the run goes on;
the command resumes after the last output it has, for five minutes, and then says how to come back.
When nobody reads the output any more (\`… | head\`) the run goes on too: the command says so and leaves with 130.

`;

/** Writes the command tree as a page for docs/. */
export function toReference(program: Command): string {
  const commands = program.commands.flatMap(withInner).filter((one) => one.commands.length === 0);
  return [
    INTRODUCTION,
    `## Exit codes\n\n\`\`\`text\n${EXIT_CODES_HELP}\`\`\`\n\n`,
    `## Options of every command\n\n${toOptionTable(program.options)}\n`,
    `## Commands\n\n${commands.map(toSection).join("\n")}`,
  ].join("");
}

function withInner(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withInner)];
}

function toSection(command: Command): string {
  const name = toName(command);
  const examples = examplesOf(command).map(([line, meaning]) => `${line}  # ${meaning}`);
  const aliases = command.aliases().map((alias) => `\`${alias}\``);
  const parts = [
    `### deckhand ${name}\n`,
    `${command.description()}.${aliases.length > 0 ? ` Also: ${aliases.join(", ")}.` : ""}\n`,
    `\`\`\`sh\n${examples.join("\n")}\n\`\`\`\n`,
    `Usage: \`deckhand ${name} ${command.usage()}\`\n`,
    toArgumentList(command.registeredArguments),
    toOptionTable(command.options),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

function toName(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${toName(parent)} ${command.name()}` : command.name();
}

function toArgumentList(all: readonly Argument[]): string {
  const lines = all.flatMap((argument) =>
    argument.description ? [`- \`${argument.name()}\`: ${toCell(argument.description)}\n`] : [],
  );
  return lines.join("");
}

function toOptionTable(options: readonly Option[]): string {
  const rows = options.map(
    (option) => `| \`${option.flags.replaceAll("|", "\\|")}\` | ${toMeaning(option)} |\n`,
  );
  return rows.length === 0 ? "" : `| option | meaning |\n|---|---|\n${rows.join("")}`;
}

function toMeaning({ description, argChoices, defaultValue }: Option): string {
  const choices = argChoices ? `: ${argChoices.map((one) => `\`${one}\``).join(", ")}` : "";
  const usual = typeof defaultValue === "string" ? ` (default \`${defaultValue}\`)` : "";
  return `${toCell(description)}${choices}${usual}`;
}

function toCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

/** The whole command tree as it is, with surroundings that nothing is run in. */
export function programForReading(): Promise<Command> {
  const { stdin, stdout, stderr } = process;
  const surroundings = { stdin, stdout, stderr, env: {}, rest: undefined, exitCode: EXIT.ok };
  return createProgram(surroundings, []);
}

if (import.meta.main) await writeFile(REFERENCE_PATH, toReference(await programForReading()));
