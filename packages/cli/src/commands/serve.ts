import type { Command } from "commander";
import type { Surroundings } from "../command-context.ts";
import { UsageError } from "../usage-error.ts";
import { action, collect, newCommand } from "./command.ts";

interface ServeFlags {
  readonly config?: string;
  readonly dataDir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly scripts?: string;
  readonly engine?: string[];
}

export function serveCommand(surroundings: Surroundings): Command {
  return newCommand("serve", {
    summary: "Start the server: API, worker and documentation in one process",
    examples: [
      ["deckhand serve", "the engine that docker would use, port 8000 on loopback"],
      ["deckhand serve --data-dir ./data --port 9000", "another place"],
      ["deckhand serve --engine prod=ssh://ops@db-host", "an engine by ssh"],
    ],
  })
    .option("--config <file>", "the configuration file (DECKHAND_CONFIG)")
    .option("--data-dir <path>", "where everything is kept (DECKHAND_DATA_DIR)")
    .option("--host <address>", "the address to listen on; loopback unless you say otherwise")
    .option("--port <port>", "the port; 0 takes a free one")
    .option("--scripts <path>", "the directory of the script library")
    .option("--engine <name=address>", "an engine; repeat for more", collect)
    .action(action(surroundings, (_context, flags: ServeFlags) => startServer(flags)));
}

async function startServer({
  config,
  dataDir,
  host,
  port,
  scripts,
  engine,
}: ServeFlags): Promise<void> {
  // The server is loaded only here: every other command starts without it.
  const { ConfigError, serve } = await import("@deckhand/server");
  try {
    await serve({
      configPath: config,
      overrides: { dataDir, host, port: toPort(port), scriptsDirectory: scripts, engine },
    });
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

function toPort(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,5}$/.test(text))
    return text === undefined ? undefined : Number(text);
  throw new UsageError(`--port takes a number, not ${JSON.stringify(text)}`);
}
