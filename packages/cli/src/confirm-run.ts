import { type DeckhandClient, ProblemError } from "@deckhand/client";
import type { Run, RunPlanView, RunRequestInput } from "@deckhand/core";
import type { CommandContext } from "./command-context.ts";
import { EXIT } from "./exit-codes.ts";
import { ask, canAsk } from "./terminal/ask.ts";
import { sanitizeText } from "./terminal/sanitize.ts";
import { UsageError } from "./usage-error.ts";

/** On a terminal a run on more targets than this is asked about. */
const MOST_UNASKED = 10;

/** What somebody is about to do. */
export interface Undertaking extends Pick<Run, "title" | "effect"> {
  readonly targets: number;
}

interface Planned {
  readonly request: RunRequestInput;
  /** The same key may name a run that exists, whatever the plan would be now. */
  readonly idempotencyKey: string | undefined;
}

/** Asks before a run that its script calls destructive, or that is on many targets; throws when it is not meant. */
export async function assertPlanConfirmed(
  context: CommandContext,
  client: DeckhandClient,
  planned: Planned,
): Promise<void> {
  if (planned.request.argv && !canAsk(context.surroundings)) return;
  const plan = await findPlan(client, planned);
  if (plan) await assertConfirmed(context, { ...plan, targets: plan.targets.length });
}

async function findPlan(
  client: DeckhandClient,
  { request, idempotencyKey }: Planned,
): Promise<RunPlanView | undefined> {
  try {
    return await client.planRun(request);
  } catch (error) {
    if (error instanceof ProblemError && idempotencyKey !== undefined) return undefined;
    throw error;
  }
}

/** Off a terminal nobody can be asked: what is destructive is then refused. */
export async function assertConfirmed(
  { surroundings }: CommandContext,
  undertaking: Undertaking,
): Promise<void> {
  const isDestructive = undertaking.effect === "destructive";
  if (!isDestructive && undertaking.targets <= MOST_UNASKED) return;
  if (canAsk(surroundings)) return assertYes(surroundings, undertaking);
  if (!isDestructive) return;
  throw new UsageError(toSentence(undertaking), { hint: "Add --yes when this is meant." });
}

async function assertYes(
  surroundings: CommandContext["surroundings"],
  undertaking: Undertaking,
): Promise<void> {
  const question = sanitizeText(`deckhand: ${toSentence(undertaking)}. Run it? [y/N] `);
  const answer = await ask(surroundings, question);
  if (/^\s*y(es)?\s*$/i.test(answer)) return;
  throw new UsageError("nothing was started", { exitCode: EXIT.notStarted });
}

function toSentence({ title, effect, targets }: Undertaking): string {
  const where = `would run on ${targets} ${targets === 1 ? "target" : "targets"}`;
  return effect === "destructive" ? `${title} is destructive and ${where}` : `${title} ${where}`;
}
