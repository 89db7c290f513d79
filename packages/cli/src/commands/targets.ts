import type { Command } from "commander";
import type { EngineView, Target } from "@deckhand/core";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { formatAgo } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { action, collect, newCommand } from "./command.ts";

interface TargetFlags {
  readonly on?: string[];
  readonly except?: string[];
}

export function targetsCommand(surroundings: Surroundings): Command {
  return newCommand("targets", {
    summary: "List what scripts can be sent to: the running containers, all or those of a selector",
    examples: [
      ["deckhand targets", "all"],
      ["deckhand targets --on label=role=db --except db-3", "those of a selector"],
      ["deckhand ps --on project=shop -o json", "for a program"],
    ],
  })
    .alias("ps")
    .option("--on <selector>", "only these; repeat to add more", collect)
    .option("--except <selector>", "not these", collect)
    .action(
      action(surroundings, async (context, { on, except }: TargetFlags) => {
        const targets = await allTargets(context, { on, except });
        await show(context, targets, (shown) => toText(shown, on !== undefined));
        if (targets.length === 0 && on) context.exit(EXIT.notFound);
      }),
    );
}

async function allTargets(
  context: CommandContext,
  query: Record<string, string[] | undefined>,
): Promise<Target[]> {
  const client = await context.client();
  const targets: Target[] = [];
  for (let after: string | undefined; ; ) {
    const page = await client.listTargets({ ...query, limit: 1000, after });
    targets.push(...page.data);
    if (page.next === null) return targets;
    after = page.next;
  }
}

function toText(targets: readonly Target[], selected: boolean): string {
  if (targets.length === 0) {
    return selected
      ? "No target matches.\n"
      : "No running containers. Start one: docker run -d --name hello alpine sleep 1d\n";
  }
  const rows = targets.map((target) => [
    target.name,
    target.engine,
    target.state === "running" && target.health !== "none" ? target.health : target.state,
    target.image,
    [target.project, target.service].filter(Boolean).join("/"),
    target.startedAt === null ? "" : formatAgo(target.startedAt, Date.now()).replace(" ago", ""),
    target.id,
  ]);
  return toTable(["NAME", "ENGINE", "STATE", "IMAGE", "PROJECT/SERVICE", "UP", "ID"], rows);
}

export function enginesCommand(surroundings: Surroundings): Command {
  return newCommand("engines", {
    summary: "List the engines and whether they answer",
    examples: [
      ["deckhand engines", "in words"],
      ["deckhand engines -o json", "for a program"],
      ["deckhand doctor", "when one does not answer"],
    ],
  }).action(
    action(surroundings, async (context) => {
      const engines = await (await context.client()).listEngines();
      await show(context, engines, toEngineText);
      if (engines.some(({ state }) => state === "down")) context.exit(EXIT.unavailable);
    }),
  );
}

function toEngineText(engines: readonly EngineView[]): string {
  const rows = engines.map(({ name, state, product, version, targets, address }) => [
    name,
    state,
    [product, version].filter(Boolean).join(" "),
    `${targets}`,
    address,
  ]);
  const problems = engines.flatMap(({ problem }) => (problem === null ? [] : [`${problem}\n`]));
  return toTable(["NAME", "STATE", "ENGINE", "TARGETS", "ADDRESS"], rows) + problems.join("");
}
