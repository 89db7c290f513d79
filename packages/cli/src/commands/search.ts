import { type Command, Option } from "commander";
import type { SearchHit, SearchPage } from "@deckhand/core";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import type { Style } from "../terminal/style.ts";
import { action, collect, newCommand } from "./command.ts";

interface SearchFlags {
  readonly in?: string;
  readonly target?: string;
  readonly script?: string;
  readonly state?: string[];
  readonly since?: string;
  readonly limit: string;
  readonly after?: string;
}

const PLACES = ["output", "scripts", "all"];

export function searchCommand(surroundings: Surroundings): Command {
  return newCommand("search", {
    summary: "Find lines in what past executions wrote, and in scripts",
    examples: [
      ["deckhand search connection refused", "lines that have both words, newest first"],
      [`deckhand search '"disk full"' --target db-1 --since 7d`, "a phrase, one target, a week"],
      ["deckhand search 'vacuum*' --in scripts", "in scripts, and by a beginning"],
      ["deckhand search error --state failed -o jsonl", "for a program"],
    ],
  })
    .usage("[options] <words...>")
    .argument(
      "<words...>",
      '"a phrase" in quotes of its own, conn* for a beginning, -word to leave out',
    )
    .addOption(new Option("--in <where>", "where to look").choices(PLACES).default("output"))
    .option("--target <name>", "what ran there, by name or id")
    .option("--script <name>", "of this stored script")
    .option("--state <state>", "executions that ended so; repeat for more", collect)
    .option("--since <when>", "ended within 24h, or since a time")
    .option("-n, --limit <n>", "how many", "20")
    .option("--after <cursor>", "go on, as the answer before said")
    .action(
      action(
        surroundings,
        async (context, words: string[], { in: place, ...flags }: SearchFlags) => {
          const where = place === "all" ? ["output", "scripts"] : place;
          const query = { ...flags, q: words.join(" "), in: where };
          const page = await (await context.client()).search(query);
          if (context.options.output === "jsonl") return show(context, page.data, () => "");
          await show(context, page, (shown) => toText(context, shown));
        },
      ),
    );
}

function toText({ style, say }: CommandContext, { data, next, pending }: SearchPage): string {
  if (pending > 0) say(`${pending} executions are not in the index yet`);
  if (next !== null) say(`there may be more: --after ${next}`);
  if (data.length === 0)
    return "Nothing was found. Words are whole ones; a star stands for any end, as in 'conn*'.\n";
  return data.map((hit) => `${style("dim", toPlace(hit))} ${toMarked(hit, style)}\n`).join("");
}

function toPlace(hit: SearchHit): string {
  if (hit.kind === "script") return `${hit.script}@${hit.version}:${hit.line}:`;
  const stream = hit.stream === "stdout" ? "" : " stderr";
  return `${hit.runId} ${hit.target}${stream}:${hit.line}:`;
}

function toMarked({ text, matches }: SearchHit, style: Style): string {
  let shown = "";
  let at = 0;
  for (const { from, to } of matches) {
    if (from < at) continue;
    shown += text.slice(at, from) + style("bold", text.slice(from, to));
    at = to;
  }
  return shown + text.slice(at);
}
