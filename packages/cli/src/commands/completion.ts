import { createClient } from "@deckhand/client";
import type { Command } from "commander";
import { type CommandContext, contextOf, type Surroundings } from "../command-context.ts";
import { resolveConnection } from "../connection.ts";
import { readContexts } from "../context-file.ts";
import { UsageError } from "../usage-error.ts";
import { newCommand } from "./command.ts";

/** A completion that comes later than this is in the way. */
const ANSWER_WITHIN_MS = 150;

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_deckhand() {
  local IFS=$'\\n'
  COMPREPLY=($(deckhand __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [[ \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _deckhand deckhand
`,
  zsh: `#compdef deckhand
_deckhand() {
  local -a found
  found=("\${(@f)$(deckhand __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- $found
}
compdef _deckhand deckhand
`,
  fish: `complete -c deckhand -f -a '(deckhand __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

export function completionCommand(): Command {
  return newCommand("completion", {
    summary: "Print a shell's completion script",
    examples: [
      ["source <(deckhand completion bash)", "bash, for this shell"],
      ['deckhand completion zsh > "${fpath[1]}/_deckhand"', "zsh"],
      ["deckhand completion fish > ~/.config/fish/completions/deckhand.fish", "fish"],
    ],
  })
    .argument("<shell>", "bash, zsh or fish")
    .action((shell: string) => {
      const script = SCRIPTS[shell];
      if (script === undefined)
        throw new UsageError(`there is no completion for ${shell}`, { hint: "bash, zsh or fish" });
      process.stdout.write(script);
    });
}

/** Prints what could come next; silent when something is in the way. */
export function completeCommand(surroundings: Surroundings, program: () => Command): Command {
  return newCommand("__complete", {
    summary: "Completion candidates",
    examples: [["deckhand __complete run ''", "for shells"]],
  })
    .argument("[words...]")
    .allowUnknownOption()
    .helpOption(false)
    .action(async function complete(this: Command, words: string[]) {
      const context = contextOf({ ...surroundings }, this);
      const found = await candidates(context, program(), words).catch(() => []);
      const last = words.at(-1) ?? "";
      process.stdout.write(
        found
          .filter((one) => one.startsWith(last))
          .map((one) => `${one}\n`)
          .join(""),
      );
    });
}

async function candidates(
  context: CommandContext,
  program: Command,
  words: readonly string[],
): Promise<string[]> {
  const [command, depth] = descend(program, words.slice(0, -1));
  const [before, last = ""] = [words.at(-2) ?? "", words.at(-1)];
  if (before === "--on" || before === "--except") return targetWords(context);
  if (before === "--context")
    return Object.keys((await readContexts(context.surroundings.env)).contexts);
  if (last.startsWith("-")) return command.options.flatMap(({ long }) => (long ? [long] : []));
  if (command.commands.length > 0)
    return command.commands.map((one) => one.name()).filter((name) => !name.startsWith("__"));
  return argumentWords(context, command, words.slice(depth, -1));
}

/** The innermost command that the words name, and how many words that took. */
function descend(program: Command, words: readonly string[]): [Command, number] {
  let command = program;
  let depth = 0;
  for (const [index, word] of words.entries()) {
    const next = command.commands.find(
      (one) => one.name() === word || one.aliases().includes(word),
    );
    if (!next) continue;
    command = next;
    depth = index + 1;
  }
  return [command, depth];
}

async function argumentWords(
  context: CommandContext,
  command: Command,
  given: readonly string[],
): Promise<string[]> {
  const path = `${command.parent?.name() ?? ""} ${command.name()}`;
  const words = given.filter((word) => !word.startsWith("-"));
  if (path.endsWith(" run") && words.length > 0) return paramWords(context, words[0] ?? "");
  if (path.endsWith(" run") || path.startsWith("scripts ")) return scriptWords(context);
  if (["show", "logs", "watch", "wait", "cancel", "rerun"].includes(command.name()))
    return runWords(context);
  return [];
}

async function ask(context: CommandContext) {
  const quick: typeof fetch = (input, init) =>
    fetch(input, { ...init, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  return createClient({
    ...(await resolveConnection(context.options, context.surroundings.env)),
    fetch: quick,
  });
}

async function targetWords(context: CommandContext): Promise<string[]> {
  const { data } = await (await ask(context)).listTargets({ limit: 200 });
  const labels = data
    .flatMap((target) => Object.entries(target.labels))
    .filter(([name]) => !name.includes("."));
  const words = [
    ...data.map(({ name }) => name),
    ...data.flatMap(({ project }) => (project ? [`project=${project}`] : [])),
    ...data.flatMap(({ service }) => (service ? [`service=${service}`] : [])),
    ...labels.map(([name, value]) => `label=${name}=${value}`),
  ];
  return [...new Set(words)];
}

async function scriptWords(context: CommandContext): Promise<string[]> {
  return (await (await ask(context)).listScripts({ limit: 200 })).data.map(({ name }) => name);
}

async function paramWords(context: CommandContext, script: string): Promise<string[]> {
  const { header } = await (await ask(context)).getScript(script.replace(/@\d+$/, ""));
  return header.params.flatMap(({ name, choices }) =>
    choices ? choices.map((choice) => `${name}=${choice}`) : [`${name}=`],
  );
}

async function runWords(context: CommandContext): Promise<string[]> {
  return (await (await ask(context)).listRuns({ limit: 20 })).data.map(({ id }) => id);
}
