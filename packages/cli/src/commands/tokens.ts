import { Argument, type Command } from "commander";
import type { Token } from "@deckhand/core";
import { confirm, show, type Surroundings } from "../command-context.ts";
import { formatAgo } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

export function tokensCommand(surroundings: Surroundings): Command {
  return newCommand("tokens", {
    summary: "Tokens that let people and programs in",
    examples: [
      ["deckhand tokens create ci --expires-in 30d", "shown once"],
      ["deckhand tokens ls", "who has one, and when it was used last"],
      ["deckhand tokens rm tok_01k…", "that one is out at once"],
    ],
  })
    .addCommand(listCommand(surroundings))
    .addCommand(createCommand(surroundings))
    .addCommand(removeCommand(surroundings));
}

function listCommand(surroundings: Surroundings): Command {
  return newCommand("ls", {
    summary: "List tokens",
    examples: [
      ["deckhand tokens ls", "in words"],
      ["deckhand tokens ls -o json", "for a program"],
      ["deckhand tokens ls -o jsonl", "a line each"],
    ],
  }).action(
    action(surroundings, async (context) => {
      await show(context, await (await context.client()).listTokens(), toList);
    }),
  );
}

function toList(tokens: readonly Token[]): string {
  const now = Date.now();
  const rows = tokens.map(({ id, name, createdAt, lastUsedAt, expiresAt }) => [
    id,
    name,
    formatAgo(createdAt, now),
    lastUsedAt === null ? "never" : formatAgo(lastUsedAt, now),
    expiresAt ?? "never",
  ]);
  return toTable(["TOKEN", "NAME", "CREATED", "LAST USED", "EXPIRES"], rows);
}

function createCommand(surroundings: Surroundings): Command {
  return newCommand("create", {
    summary: "Make a token; its secret is printed once",
    examples: [
      ["deckhand tokens create ci", "does not expire"],
      ["deckhand tokens create ci --expires-in 30d", "for a month"],
      ["deckhand tokens create ci > ci-token", "only the secret is on stdout"],
    ],
  })
    .argument("<name>", "who or what it is for")
    .option("--expires-in <span>", "12h, 30d")
    .action(
      action(
        surroundings,
        async (context, name: string, { expiresIn }: { readonly expiresIn?: string }) => {
          const created = await (await context.client()).createToken({
            name,
            ...(expiresIn !== undefined && { expiresIn }),
          });
          context.say(
            `made ${created.id} (${created.name}); this is the only time its secret is shown`,
          );
          await show(context, created, ({ secret }) => `${secret}\n`);
        },
      ),
    );
}

function removeCommand(surroundings: Surroundings): Command {
  return newCommand("rm", {
    summary: "Remove a token; who has it is out at once",
    examples: [
      ["deckhand tokens rm tok_01k…", "by id"],
      ["deckhand tokens ls", "which there are"],
      ["deckhand api GET /api/v1/audit", "what was done with it"],
    ],
  })
    .addArgument(new Argument("<id>", "the token's id").argParser(toTokenId))
    .action(
      action(surroundings, async (context, id: string) => {
        await (await context.client()).deleteToken(id);
        await confirm(context, `removed ${id}`, { removed: id });
      }),
    );
}

function toTokenId(word: string): string {
  if (/^tok_[0-9a-z]{26}$/.test(word)) return word;
  throw new UsageError(`${JSON.stringify(word)} is no token's id`, {
    hint: "An id is tok_ and 26 letters and digits; see: deckhand tokens ls",
  });
}
