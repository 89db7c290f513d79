import type { RunPlanView, RunRequestInput } from "@deckhand/core";
import { createAskingForParams } from "./ask-params.ts";
import { type CommandContext, show } from "./command-context.ts";
import { followToEnd } from "./follow-to-end.ts";
import { type RunOptions, toFollowChoice } from "./run-options.ts";
import { toTable } from "./terminal/table.ts";

/** Starts what is asked for, or only shows it, and follows it to its end. */
export async function startRun(
  context: CommandContext,
  options: RunOptions,
  request: RunRequestInput,
): Promise<void> {
  const client = await context.client();
  if (options.dryRun) return show(context, await client.planRun(request), toPlanText);
  const { idempotencyKey } = options;
  const create = idempotencyKey === undefined ? {} : { idempotencyKey };
  const open = () => createAskingForParams(context, client, { request, create });
  if (options.detach) return show(context, await open(), ({ id }) => `${id}\n`);
  const choice = toFollowChoice(options);
  await followToEnd(context, client, { open, onInterrupt: "cancel", choice });
}

function toPlanText(plan: RunPlanView): string {
  const what = plan.script ? `${plan.script.name}@${plan.script.version}` : plan.title;
  const how = [
    plan.interpreter?.join(" "),
    plan.user && `as ${plan.user}`,
    `at most ${plan.limits.timeoutMs / 1000}s`,
  ].filter(Boolean);
  const head = `${what} (${how.join(", ")}) would run on ${plan.targets.length} targets:\n`;
  const params = Object.entries(plan.params).map(([name, value]) => `  ${name}=${String(value)}\n`);
  const rows = plan.targets.map(({ name, engine, image }) => [name, engine, image]);
  return `${head}${params.join("")}${toTable(["TARGET", "ENGINE", "IMAGE"], rows)}`;
}
