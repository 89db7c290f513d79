import type { DefinitionView } from "@deckhand/core";
import { type Command, Option } from "commander";
import type { CommandContext, Surroundings } from "../command-context.ts";
import { type DefinitionFlags, type DefinitionRequest, readJson } from "../definition-request.ts";
import { action, type CommandText, newCommand } from "./command.ts";
import { type DefinitionWords, saveDefinition } from "./definition-commands.ts";

/** What one kind's `set` has of its own. */
export interface SetWords<View, Body, Flags> extends CommandText {
  readonly addOptions: (command: Command) => Command;
  /** Reads the files that flags name, then makes a request of what is there before. */
  readonly readFlags: (
    flags: Flags,
  ) => Promise<(before: View | undefined) => DefinitionRequest<Body>>;
  /** `keep it, and tell nothing`. */
  readonly disabled: string;
  /** Who needs the secret: the receiver, the sender. */
  readonly secretGoesTo: string;
}

/** `set NAME`: makes it, or changes what is given; a secret that was made on the way is printed once. */
export function setDefinitionCommand<
  View extends DefinitionView,
  Body,
  Flags extends DefinitionFlags,
>(
  surroundings: Surroundings,
  words: DefinitionWords<View, Body>,
  own: SetWords<View, Body, Flags>,
): Command {
  const command = newCommand("set", own).argument("<name>", "small letters, digits, . _ and -");
  return addCommonOptions(own.addOptions(command), own).action(
    action(surroundings, async (context, name: string, flags: Flags) => {
      const toRequest = await readRequest(own, flags);
      const { madeSecret } = await saveDefinition(context, words, { name, toRequest });
      if (madeSecret !== undefined) await showSecret(context, own, madeSecret);
    }),
  );
}

function addCommonOptions(command: Command, { disabled }: { readonly disabled: string }): Command {
  return command
    .option("--description <text>", "what it is for")
    .option("--disable", disabled)
    .addOption(new Option("--enable", "take it up again").conflicts("disable"))
    .option("--file <path>", "a JSON file with the whole of it, as the API takes it");
}

async function readRequest<View, Body, Flags extends DefinitionFlags>(
  own: SetWords<View, Body, Flags>,
  flags: Flags,
): Promise<(before: View | undefined) => DefinitionRequest<Body>> {
  if (flags.file === undefined) return own.readFlags(flags);
  const body = await readJson<Body>(flags.file);
  return () => ({ body });
}

async function showSecret(
  context: CommandContext,
  { secretGoesTo }: { readonly secretGoesTo: string },
  secret: string,
): Promise<void> {
  context.say(`this is the only time that its secret is shown; give it to the ${secretGoesTo}:`);
  if (context.options.output === "text") await context.print(`${secret}\n`);
  else context.say(secret);
}
