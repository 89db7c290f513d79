import type { Command } from "commander";
import { type CommandContext, confirm, show, type Surroundings } from "../command-context.ts";
import { readContexts, readCredentials, writeContexts, writeCredentials } from "../context-file.ts";
import { resolveConnection } from "../connection.ts";
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
    .addCommand(showCommand(surroundings))
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

function showCommand(surroundings: Surroundings): Command {
  return newCommand("show", {
    summary: "Show which server the commands go to, and where its token comes from",
    examples: [
      ["deckhand context show", "as things stand"],
      ["deckhand --context prod context show", "with a flag"],
      ["deckhand context show -o json", "for a program; never with the token itself"],
    ],
  }).action(
    action(surroundings, async (context) => {
      const { server, token, source } = await resolveConnection(context.options, surroundings.env);
      const facts = { server, hasToken: token !== undefined, tokenFrom: source };
      await show(context, facts, () => `${server}\ntoken: ${source ?? "none"}\n`);
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
    .alias("add")
    .argument("<name>")
    .option("--token-stdin", "read the token from standard input")
    .action(action(surroundings, (context, name: string) => create(context, name)));
}

async function create(context: CommandContext, name: string): Promise<void> {
  const { env } = context.surroundings;
  const flags = context.options as CreateFlags;
  const { server } = flags;
  if (!server || !URL.canParse(server))
    throw new UsageError("say which server: --server http://127.0.0.1:8000");
  const token = await readGivenToken(context, flags);
  const { current = name, contexts } = await readContexts(env);
  const { [name]: known, ...otherTokens } = await readCredentials(env);
  // The token of one server is nothing for another that takes over its name.
  const isSame = Object.hasOwn(contexts, name) && contexts[name]?.server === server;
  const kept = token || (isSame ? known : undefined);
  await writeCredentials(env, { ...otherTokens, ...(kept && { [name]: kept }) });
  await writeContexts(env, { current, contexts: { ...contexts, [name]: { server } } });
  const text = `the context ${name} is ${server}${kept ? "" : ", without a token"}`;
  await confirm(context, text, { name, server, hasToken: Boolean(kept) });
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
        const server = known.contexts[name]?.server;
        await confirm(context, `commands go to ${server}`, { name, server });
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
        await confirm(context, `forgot ${name}`, { removed: name });
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
