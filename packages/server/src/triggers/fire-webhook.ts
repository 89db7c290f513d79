import { AppError, holds, mapBody, type TriggerAnswer } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { Definition } from "../definitions/definition.ts";
import { claimFire, type Fire, findFire } from "./fire-store.ts";
import type { RateLimits } from "./rate-limits.ts";
import { startRun, type StartDeps } from "./start-run.ts";
import { type KeptTrigger, openSecret } from "./triggers.ts";
import { type RawMessage, verifyMessage } from "./verify-message.ts";

export interface FireWebhookDeps extends StartDeps {
  readonly db: Kysely<Database>;
  readonly findTrigger: (id: string) => Definition<KeptTrigger> | undefined;
  readonly limits: RateLimits;
  readonly parse: (body: Uint8Array) => unknown;
  readonly now: () => number;
  readonly observe: (outcome: FireOutcome) => void;
}

export type FireOutcome = "started" | "replayed" | "skipped" | "limited" | "refused" | "unverified";

/** Undoes a start that another message, the same one, was quicker with. */
class StartedBefore extends Error {}

/** Gives undefined to whoever can not show the secret's signature: he is told nothing at all. */
export async function fireWebhook(
  deps: FireWebhookDeps,
  triggerId: string,
  message: RawMessage,
): Promise<TriggerAnswer | undefined> {
  const trigger = deps.findTrigger(triggerId);
  const messageId = trigger && verify(deps, trigger, message);
  if (messageId === undefined) {
    deps.observe("unverified");
    return undefined;
  }
  const fire = { triggerId, messageId };
  const before = await findFire(deps.db, fire);
  if (before !== undefined) return answerReplay(deps, before);
  return start(deps, { trigger: trigger as Definition<KeptTrigger>, fire, body: message.body });
}

function verify(
  deps: FireWebhookDeps,
  { name, body }: Definition<KeptTrigger>,
  message: RawMessage,
): string | undefined {
  const { source, enabled } = body;
  if (!enabled || source.kind !== "webhook") return undefined;
  const secret = openSecret(deps.vault, name, source);
  return verifyMessage({ ...source, secret }, message, deps.now());
}

interface Verified {
  readonly trigger: Definition<KeptTrigger>;
  readonly fire: Fire;
  readonly body: Uint8Array;
}

async function start(deps: FireWebhookDeps, verified: Verified): Promise<TriggerAnswer> {
  const { trigger, fire } = verified;
  const { limit, onlyIf, run } = trigger.body;
  const document = parseOrRefuse(deps, verified.body);
  if (!holds(onlyIf, document)) {
    deps.observe("skipped");
    return { runId: null, replayed: false, url: null };
  }
  const waitMs = deps.limits.take(trigger.id, limit);
  if (waitMs !== undefined) {
    deps.observe("limited");
    throw limited(trigger.name, waitMs);
  }
  const mapped = mapBody(run.map, document);
  try {
    const runId = await startRun(deps, {
      trigger,
      mapped,
      within: async (transaction, runId) => {
        const claim = { ...fire, runId, atMs: deps.now() };
        if (!(await claimFire(transaction, claim))) throw new StartedBefore();
      },
    });
    deps.observe("started");
    return { runId, replayed: false, url: `/api/v1/runs/${runId}` };
  } catch (error) {
    const before = error instanceof StartedBefore ? await findFire(deps.db, fire) : undefined;
    if (before !== undefined) return answerReplay(deps, before);
    deps.observe("refused");
    throw error;
  }
}

function parseOrRefuse(deps: FireWebhookDeps, body: Uint8Array): unknown {
  try {
    return deps.parse(body);
  } catch (error) {
    deps.observe("refused");
    throw error;
  }
}

function answerReplay({ observe }: FireWebhookDeps, runId: string): TriggerAnswer {
  observe("replayed");
  return { runId, replayed: true, url: `/api/v1/runs/${runId}` };
}

function limited(name: string, waitMs: number): AppError {
  const retryAfterSeconds = Math.ceil(waitMs / 1_000);
  return new AppError("RATE_LIMITED", {
    detail: `The trigger ${name} has started as many runs as its limit allows.`,
    hint: `Send it again in ${retryAfterSeconds} s; the message's id may stay the same.`,
    extra: { retryAfterSeconds },
  });
}
