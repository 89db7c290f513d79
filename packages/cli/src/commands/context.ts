import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { readContexts, readCredentials, writeContexts, writeCredentials } from "../context-file.ts";
import { EXIT } from "../exit-codes.ts";
import { readText } from "../run-options.ts";
import { toTable } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

interface CreateFlags {
  readonly server?: string;
  readonly tokenStdin?: boolean;
  readonly tokenFile?: string;
}

export function contextCommand(surroundings: Surroundings): Command {
  return newCommand("context", {
    summary: "Servers by name, with their tokens",
    examples: [
      [
        "deckhand context create prod --server https://ops.example.org --token-stdin < token",
        "a new one",
      ],
      ["deckhand context use prod", "for all commands from now on"],
      ["deckhand --context prod runs", "for one command"],
    ],
  })
    .addCommand(listCommand(surroundings))
    .addCommand(createCommand(surroundings))
    .addCommand(useCommand(surroundings))
    .addCommand(removeCommand(surroundings));
}

function listCommand(surroundings: Surroundings): Command {
  return newCommand("ls", {
    summary: "List contexts",
    examples: [
      ["deckhand context ls", "the current one has a star"],
      ["deckhand context ls -o json", "for a program"],
      ["deckhand context use NAME", "change it"],
    ],
  }).action(
    action(surroundings, async (context) => {
      const { current, contexts } = await readContexts(surroundings.env);
      const list = Object.entries(contexts).map(([name, { server }]) => ({
        name,
        server,
        current: name === current,
      }));
      await show(context, list, (shown) =>
        toTable(
          ["CURRENT", "NAME", "SERVER"],
          shown.map((one) => [one.current ? "*" : "", one.name, one.server]),
        ),
      );
    }),
  );
}

function createCommand(surroundings: Surroundings): Command {
  return newCommand("create", {
    summary: "Add a server under a name, or change it",
    examples: [
      [
        "deckhand context create local --server http://127.0.0.1:8000 --token-file /var/lib/deckhand/first-token",
        "with a token from a file",
      ],
      [
        "pass deckhand | deckhand context create prod --server https://ops.example.org --token-stdin",
        "with a token from a pipe",
      ],
      ["deckhand context ls", "what there is"],
    ],
  })
    .argument("<name>")
    .option("--token-stdin", "read the token from standard input")
    .action(action(surroundings, (context, name: string) => create(context, name)));
}

async function create(context: CommandContext, name: string): Promise<void> {
  const { env } = context.surroundings;
  const flags = context.options as CreateFlags;
  if (!flags.server || !URL.canParse(flags.server))
    throw new UsageError("say which server: --server http://127.0.0.1:8000");
  const token = await readGivenToken(context, flags);
  const known = await readContexts(env);
  await writeContexts(env, {
    current: known.current ?? name,
    contexts: { ...known.contexts, [name]: { server: flags.server } },
  });
  if (token) await writeCredentials(env, { ...(await readCredentials(env)), [name]: token });
  context.say(`the context ${name} is ${flags.server}${token ? "" : ", without a token"}`);
}

async function readGivenToken(
  context: CommandContext,
  { tokenStdin, tokenFile }: CreateFlags,
): Promise<string | undefined> {
  if (tokenFile) return (await readText(tokenFile)).trim();
  if (!tokenStdin) return undefined;
  let text = "";
  for await (const piece of context.surroundings.stdin) text += piece;
  return text.trim();
}

function useCommand(surroundings: Surroundings): Command {
  return newCommand("use", {
    summary: "Take a context for all commands from now on",
    examples: [
      ["deckhand context use prod", "until it is changed again"],
      ["deckhand --context prod runs", "for one command only"],
      ["DECKHAND_CONTEXT=prod deckhand runs", "by the environment"],
    ],
  })
    .argument("<name>")
    .action(
      action(surroundings, async (context, name: string) => {
        const known = await readContexts(surroundings.env);
        assertKnown(known.contexts, name);
        await writeContexts(surroundings.env, { ...known, current: name });
        context.say(`commands go to ${known.contexts[name]?.server}`);
      }),
    );
}

function removeCommand(surroundings: Surroundings): Command {
  return newCommand("rm", {
    summary: "Forget a context and its token",
    examples: [
      ["deckhand context rm old", "here; the token itself stays valid"],
      ["deckhand tokens rm tok_01k…", "make the token invalid"],
      ["deckhand context ls", "what is left"],
    ],
  })
    .argument("<name>")
    .action(
      action(surroundings, async (context, name: string) => {
        const { env } = surroundings;
        const known = await readContexts(env);
        assertKnown(known.contexts, name);
        const { [name]: _, ...contexts } = known.contexts;
        const { [name]: __, ...tokens } = await readCredentials(env);
        await writeContexts(env, {
          current: known.current === name ? undefined : known.current,
          contexts,
        });
        await writeCredentials(env, tokens);
        context.say(`forgot ${name}`);
      }),
    );
}

function assertKnown(contexts: Readonly<Record<string, unknown>>, name: string): void {
  if (Object.hasOwn(contexts, name)) return;
  const known = Object.keys(contexts).join(", ") || "none";
  throw new UsageError(`there is no context ${name} (known: ${known})`, {
    exitCode: EXIT.notFound,
  });
}
