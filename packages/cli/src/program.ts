import { Command } from "commander";
import type { Surroundings } from "./command-context.ts";
import { addGlobalOptions } from "./commands/command.ts";
import { VERSION } from "./version.ts";

type CommandMaker = (surroundings: Surroundings) => Command;

/** In the order of the help; a file is read when its command is asked for. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandMaker>>> = {
  run: async () => (await import("./commands/run.ts")).runCommand,
  exec: async () => (await import("./commands/exec.ts")).execCommand,
  sql: async () => (await import("./commands/sql.ts")).sqlCommand,
  targets: async () => (await import("./commands/targets.ts")).targetsCommand,
  groups: async () => (await import("./commands/groups.ts")).groupsCommand,
  runs: async () => (await import("./commands/runs.ts")).runsCommand,
  show: async () => (await import("./commands/runs.ts")).showCommand,
  logs: async () => (await import("./commands/logs.ts")).logsCommand,
  watch: async () => (await import("./commands/watch.ts")).watchCommand,
  wait: async () => (await import("./commands/watch.ts")).waitCommand,
  cancel: async () => (await import("./commands/runs.ts")).cancelCommand,
  rerun: async () => (await import("./commands/rerun.ts")).rerunCommand,
  schedules: async () => (await import("./commands/schedules.ts")).schedulesCommand,
  scripts: async () => (await import("./commands/scripts.ts")).scriptsCommand,
  triggers: async () => (await import("./commands/triggers.ts")).triggersCommand,
  notifications: async () => (await import("./commands/notifications.ts")).notificationsCommand,
  terminals: async () => (await import("./commands/terminals.ts")).terminalsCommand,
  secrets: async () => (await import("./commands/secrets.ts")).secretsCommand,
  tokens: async () => (await import("./commands/tokens.ts")).tokensCommand,
  engines: async () => (await import("./commands/targets.ts")).enginesCommand,
  context: async () => (await import("./commands/context.ts")).contextCommand,
  api: async () => (await import("./commands/api.ts")).apiCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
  search: async () => (await import("./commands/search.ts")).searchCommand,
  export: async () => (await import("./commands/export.ts")).exportCommand,
  retention: async () => (await import("./commands/retention.ts")).retentionCommand,
  serve: async () => (await import("./commands/serve.ts")).serveCommand,
  completion: async () => (await import("./commands/completion.ts")).completionCommand,
  version: async () => (await import("./commands/version.ts")).versionCommand,
};
const ALIASES: Readonly<Record<string, string>> = { ps: "targets" };

const EXAMPLES = `Run scripts inside containers that are already running.

Examples:
  deckhand run ./vacuum.sh --on label=role=db          # a local file, on every matching container
  deckhand exec --on db-1 -- psql -Atc 'select 1'      # a command line
  deckhand runs                                        # what ran
`;

/** The command tree: of what the words ask for, or the whole where they ask for no command. */
export async function createProgram(
  surroundings: Surroundings,
  words: readonly string[],
): Promise<Command> {
  const program = new Command("deckhand")
    .addHelpText("before", EXAMPLES)
    .addHelpText(
      "after",
      "\nExit codes: deckhand help exit-codes\nA server of your own: deckhand serve",
    )
    .version(VERSION, "-V, --version", "print the version")
    .helpCommand("help [command]", "print help; `help exit-codes` for the exit codes")
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false });
  addGlobalOptions(program);
  const makers = await Promise.all(toLoaders(findOperand(program, words)).map((load) => load()));
  for (const toCommand of makers) program.addCommand(toCommand(surroundings));
  return program;
}

function toLoaders(word = ""): readonly (() => Promise<CommandMaker>)[] {
  const name = Object.hasOwn(ALIASES, word) ? ALIASES[word] : word;
  const all = Object.entries(COMMANDS);
  const asked = all.filter(([one]) => one === name);
  return (asked.length > 0 ? asked : all).map(([, load]) => load);
}

/** The first word that is neither an option nor the value of one. */
function findOperand({ options }: Command, words: readonly string[]): string | undefined {
  const takingValue = options
    .filter(({ required }) => required)
    .flatMap(({ long, short }) => [long ?? "", short ?? ""]);
  return words.find(
    (word, at) => !word.startsWith("-") && !takingValue.includes(words[at - 1] ?? "no option"),
  );
}
