import type { DeckhandClient } from "@deckhand/client";
import type { Run } from "@deckhand/core";
import type { CommandContext } from "../command-context.ts";
import { groupView } from "./group-view.ts";
import { liveView } from "./live-view.ts";
import { prefixView } from "./prefix-view.ts";
import { rawInOrderView, rawView } from "./raw-view.ts";
import type { RunView } from "./run-view.ts";
import { sameView } from "./same-view.ts";
import { toSummary } from "./summary.ts";
import type { ViewName } from "./view-name.ts";

export interface ViewChoice {
  readonly view: ViewName;
  readonly plain: boolean;
  readonly client: DeckhandClient;
}

/** One target: bytes untouched. Several: rows on a terminal, prefixed lines in a pipe. JSON for who asks for it. */
export function pickView(context: CommandContext, run: Run, choice: ViewChoice): RunView {
  const { output } = context.options;
  if (output === "jsonl") return jsonLinesView(context);
  if (output === "json") return silentView(context);
  const names = run.executions.map(({ target }) => target.name);
  const { server } = choice.client;
  const plain = choice.plain || context.surroundings.env["TERM"] === "dumb";
  const view = choice.view === "auto" ? usualView(context, { names, plain }) : choice.view;
  if (view === "raw")
    return names.length > 1 ? rawInOrderView(context, choice.client) : rawView(context);
  if (view === "live") return liveView(context, { server, title: run.title });
  if (view === "group") return groupView(context, { server, plain });
  if (view === "same") return sameView(context, { client: choice.client, plain });
  if (view === "quiet") return quietView(context, { server, plain });
  return prefixView(context, { server, names, plain, withSummary: true });
}

function usualView(
  { surroundings }: CommandContext,
  run: { readonly names: readonly string[]; readonly plain: boolean },
): ViewName {
  if (run.names.length <= 1) return "raw";
  return surroundings.stderr.isTTY && surroundings.stdout.isTTY && !run.plain ? "live" : "prefix";
}

function silentView(context: CommandContext): RunView {
  return { update: async () => {}, finish: async () => {}, notice: context.say };
}

function quietView(
  context: CommandContext,
  options: { readonly server: string; readonly plain: boolean },
): RunView {
  return {
    ...silentView(context),
    finish: async (run) => {
      const lines = toSummary(run, { ...options, style: context.errorStyle, tails: new Map() });
      for (const line of lines) context.surroundings.stderr.write(`${line}\n`);
    },
  };
}

function jsonLinesView(context: CommandContext): RunView {
  return {
    ...silentView(context),
    update: (update) => context.print(`${JSON.stringify(update)}\n`),
  };
}
