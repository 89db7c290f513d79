import { Command } from "commander";
import type { Surroundings } from "./command-context.ts";
import { addGlobalOptions } from "./commands/command.ts";
import { apiCommand } from "./commands/api.ts";
import { completionCommand } from "./commands/completion.ts";
import { contextCommand } from "./commands/context.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { execCommand } from "./commands/exec.ts";
import { groupsCommand } from "./commands/groups.ts";
import { exportCommand } from "./commands/export.ts";
import { logsCommand } from "./commands/logs.ts";
import { notificationsCommand } from "./commands/notifications.ts";
import { rerunCommand } from "./commands/rerun.ts";
import { waitCommand, watchCommand } from "./commands/watch.ts";
import { retentionCommand } from "./commands/retention.ts";
import { runCommand } from "./commands/run.ts";
import { cancelCommand, runsCommand, showCommand } from "./commands/runs.ts";
import { schedulesCommand } from "./commands/schedules.ts";
import { scriptsCommand } from "./commands/scripts.ts";
import { searchCommand } from "./commands/search.ts";
import { serveCommand } from "./commands/serve.ts";
import { sqlCommand } from "./commands/sql.ts";
import { enginesCommand, targetsCommand } from "./commands/targets.ts";
import { terminalsCommand } from "./commands/terminals.ts";
import { secretsCommand } from "./commands/secrets.ts";
import { triggersCommand } from "./commands/triggers.ts";
import { tokensCommand } from "./commands/tokens.ts";
import { versionCommand } from "./commands/version.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `Run scripts inside containers that are already running.

Examples:
  deckhand run ./vacuum.sh --on label=role=db          # a local file, on every matching container
  deckhand exec --on db-1 -- psql -Atc 'select 1'      # a command line
  deckhand runs                                        # what ran
`;

/** The whole command tree. */
export function createProgram(surroundings: Surroundings): Command {
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
  const commands = [
    runCommand(surroundings),
    execCommand(surroundings),
    sqlCommand(surroundings),
    targetsCommand(surroundings),
    groupsCommand(surroundings),
    runsCommand(surroundings),
    showCommand(surroundings),
    logsCommand(surroundings),
    watchCommand(surroundings),
    waitCommand(surroundings),
    cancelCommand(surroundings),
    rerunCommand(surroundings),
    schedulesCommand(surroundings),
    scriptsCommand(surroundings),
    triggersCommand(surroundings),
    notificationsCommand(surroundings),
    terminalsCommand(surroundings),
    secretsCommand(surroundings),
    tokensCommand(surroundings),
    enginesCommand(surroundings),
    contextCommand(surroundings),
    apiCommand(surroundings),
    doctorCommand(surroundings),
    searchCommand(surroundings),
    exportCommand(surroundings),
    retentionCommand(surroundings),
    serveCommand(surroundings),
    completionCommand(surroundings),
    versionCommand(surroundings),
  ];
  for (const command of commands) program.addCommand(command);
  return program;
}
