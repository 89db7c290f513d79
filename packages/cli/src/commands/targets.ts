import type { Command } from "commander";
import type { EngineView, Target, TargetCounts, TargetPage } from "@deckhand/core";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../run-options.ts";
import { formatAgo } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { action, collect, newCommand } from "./command.ts";

interface TargetFlags {
  readonly on?: string[];
  readonly except?: string[];
  readonly one?: boolean;
  readonly max?: number;
  readonly counts?: boolean;
}

type Choice = Pick<TargetPage, "data" | "counts" | "noMatch">;

export function targetsCommand(surroundings: Surroundings): Command {
  return newCommand("targets", {
    summary: "List what scripts can be sent to: the running containers, all or those of a selector",
    examples: [
      ["deckhand targets", "all"],
      ["deckhand targets --on label=role=db --except db-3", "those of a selector"],
      ["deckhand targets --on @db --one --counts", "how many a run would take, and where"],
      ["deckhand ps --on project=shop -o json", "for a program"],
    ],
  })
    .alias("ps")
    .option("--on <selector>", "only these; repeat to add more", collect)
    .option("--except <selector>", "not these", collect)
    .option("--one", "one target of each compose service, a healthy one where there is such")
    .option("--max <n>", "refuse as a run would when more match", countOf("--max"))
    .option("--counts", "only how many, by state, engine and service")
    .action(
      action(surroundings, async (context, flags: TargetFlags) => {
        const choice = await readChoice(context, flags);
        if (flags.counts) await show(context, choice.counts, toCountText);
        else await show(context, choice.data, (shown) => toText(shown, flags.on !== undefined));
        if (choice.noMatch && flags.on) refuseNone(context, choice.noMatch);
      }),
    );
}

/** All pages of it; the counts are those of the first. */
async function readChoice(
  context: CommandContext,
  { on, except, one, max, counts }: TargetFlags,
): Promise<Choice> {
  const client = await context.client();
  const asked = { on, except, onePerService: one, maxTargets: max };
  const first = await client.listTargets({ ...asked, limit: counts ? 1 : 1000 });
  const data = [...first.data];
  for (let after = first.next; after !== null && !counts; ) {
    const page = await client.listTargets({ ...asked, limit: 1000, after });
    data.push(...page.data);
    after = page.next;
  }
  return { ...first, data };
}

function refuseNone(context: CommandContext, { detail, hint }: NonNullable<Choice["noMatch"]>) {
  context.say(detail);
  context.say(hint);
  context.exit(EXIT.notFound);
}

function toCountText({
  total,
  matched,
  excepted,
  besidesOne,
  byState,
  byEngine,
  byService,
}: TargetCounts): string {
  const away = [
    excepted > 0 && `${excepted} excepted`,
    besidesOne > 0 && `${besidesOne} besides one of their service`,
  ].filter(Boolean);
  const head = `${total} of ${matched} that match${away.length > 0 ? `: without ${away.join(", ")}` : ""}\n`;
  const rows = [
    ...byState.map(({ value, count }) => ["state", value, `${count}`]),
    ...byEngine.map(({ value, count }) => ["engine", value, `${count}`]),
    ...byService.map(({ value, count }) => ["service", value, `${count}`]),
  ];
  return rows.length === 0 ? head : head + toTable(["BY", "VALUE", "TARGETS"], rows);
}

function toText(targets: readonly Target[], selected: boolean): string {
  if (targets.length === 0)
    return selected
      ? ""
      : "No running containers. Start one: docker run -d --name hello alpine sleep 1d\n";
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
