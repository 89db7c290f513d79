import type { RunPlanView, RunRequestInput } from "@deckhand/core";
import { type CommandContext, show } from "./command-context.ts";
import { EXIT } from "./exit-codes.ts";
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
  const create =
    options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey };
  const run = await client.createRun(request, create);
  if (options.detach) return show(context, run, ({ id }) => `${id}\n`);
  if (run.executions.length === 0) {
    context.say(`no target matched; nothing was started (${run.id})`);
    return context.exit(EXIT.ok);
  }
  await followToEnd(context, client, { run, choice: toFollowChoice(options) });
}

function toPlanText(plan: RunPlanView): string {
  const what = plan.script ? `${plan.script.name}@${plan.script.version}` : plan.title;
  const how = [
    plan.interpreter?.join(" "),
    plan.user && `as ${plan.user}`,
    `at most ${plan.limits.timeoutMs / 1000}s`,
  ].filter(Boolean);
  const params = Object.entries(plan.params).map(([name, value]) => `  ${name}=${String(value)}\n`);
  const rows = plan.targets.map(({ name, engine, image }) => [name, engine, image]);
  return `${what} (${how.join(", ")}) would run on ${plan.targets.length} targets:\n${params.join("")}${toTable(["TARGET", "ENGINE", "IMAGE"], rows)}`;
}
