import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { VERSION } from "../version.ts";
import { action, newCommand } from "./command.ts";

export function versionCommand(surroundings: Surroundings): Command {
  return newCommand("version", {
    summary: "Print the version of this command and, where it answers, of the server",
    examples: [
      ["deckhand version", "both"],
      ["deckhand version -o json", "for a program"],
      ["deckhand --version", "this command's alone, without asking anybody"],
    ],
  }).action(action(surroundings, version));
}

async function version(context: CommandContext): Promise<void> {
  const client = await context.client();
  const server = await client.info().catch(() => undefined);
  const versions = { command: VERSION, server: server?.version ?? null, address: client.server };
  const ofServer = versions.server ?? "does not answer, or not to this token";
  const toText = () => `command  ${VERSION}\nserver   ${ofServer} (${client.server})\n`;
  await show(context, versions, toText);
}
