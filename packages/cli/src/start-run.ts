import type { RunPlanView, RunRequestInput } from "@deckhand/core";
import { batchOf } from "@deckhand/core/rollout/batch-of";
import { createAskingForParams, findDeclaredParams } from "./ask-params.ts";
import { type CommandContext, show } from "./command-context.ts";
import { assertPlanConfirmed } from "./confirm-run.ts";
import { followToEnd } from "./follow-to-end.ts";
import { type RunOptions, toFollowChoice } from "./run-options.ts";
import { toTable } from "./terminal/table.ts";
import { toKeyWords, toRetryWords } from "./views/again-words.ts";
import { toLimitWords } from "./views/limit-words.ts";
import { toPickText } from "./views/pick-text.ts";
import { toRolloutWords } from "./views/rollout-words.ts";

/** Starts what is asked for, or only shows it, and follows it to its end. */
export async function startRun(
  context: CommandContext,
  options: RunOptions,
  request: RunRequestInput,
): Promise<void> {
  const client = await context.client();
  if (options.dryRun) return show(context, await client.planRun(request), toPlanText);
  const { idempotencyKey } = options;
  const create = async (asked: RunRequestInput) => {
    if (!options.yes)
      await assertPlanConfirmed(context, client, { request: asked, idempotencyKey });
    return client.createRun(asked, idempotencyKey === undefined ? {} : { idempotencyKey });
  };
  const open = () =>
    createAskingForParams(context, {
      request,
      create,
      findParams: () => findDeclaredParams(client, request),
    });
  if (options.detach) return show(context, await open(), ({ id }) => `${id}\n`);
  const choice = toFollowChoice(options);
  await followToEnd(context, client, { open, onInterrupt: "cancel", choice });
}

function toPlanText(plan: RunPlanView): string {
  const what = plan.script ? `${plan.script.name}@${plan.script.version}` : plan.title;
  const how = [
    plan.interpreter?.join(" "),
    plan.user && `as ${plan.user}`,
    ...toLimitWords(plan),
  ].filter(Boolean);
  const head = `${what} (${how.join(", ")}) would run on ${plan.targets.length} targets:\n`;
  const params = Object.entries(plan.params).map(([name, value]) => `  ${name}=${String(value)}\n`);
  const { rollout } = plan;
  const rows = plan.targets.map(({ name, engine, image }, position) => [
    ...(rollout ? [`${batchOf(rollout.batches, position) + 1}`] : []),
    name,
    engine,
    image,
  ]);
  const columns = [...(rollout ? ["BATCH"] : []), "TARGET", "ENGINE", "IMAGE"];
  return `${head}${toStartText(plan)}${params.join("")}${toTable(columns, rows)}`;
}

/** Which of all, and when they start: a line for each thing that was asked for. */
function toStartText({ pick, rollout, retry, concurrency }: RunPlanView): string {
  const lines = [
    pick && `picked ${toPickText(pick)}`,
    rollout && toRolloutWords(rollout),
    retry && toRetryWords(retry),
    concurrency && `key ${toKeyWords(concurrency)}`,
  ];
  return lines
    .filter((line) => line !== null)
    .map((line) => `  ${line}\n`)
    .join("");
}
