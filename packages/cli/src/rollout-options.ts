import { type Command, Option } from "commander";
import type { RunRequestInput } from "@deckhand/core";
import { ON_CONFLICT, ON_ERROR } from "@deckhand/core/contract/choices";
import { UsageError } from "./usage-error.ts";

type RolloutInput = NonNullable<RunRequestInput["rollout"]>;

/** Options about when executions start: each is a part of the request. */
export interface RolloutOptions {
  readonly maxConcurrency?: string;
  readonly maxErrors?: string;
  readonly onError?: "stop" | "continue";
  readonly order?: string;
  readonly seed?: string;
  readonly canary?: string;
  readonly batch?: string;
  readonly pause?: string;
  readonly health?: readonly HealthWord[];
  readonly probe?: string;
  readonly healthTimeout?: string;
  readonly retry?: string;
  readonly retryBackoff?: string;
  readonly concurrencyKey?: string;
  readonly onConflict?: "queue" | "skip" | "cancel";
}

const HEALTH_WORDS = ["healthcheck", "restarts"] as const;
type HealthWord = (typeof HEALTH_WORDS)[number];

export function addRolloutOptions(command: Command): Command {
  command
    .option("--max-concurrency <n>", "so many targets at once, or a share: 5, 10% (else 50)")
    .option("--max-errors <n>", "stop when more targets than this failed: 2, 10% (else 0)")
    .addOption(new Option("--on-error <what>", "continue: errors stop nothing").choices(ON_ERROR))
    .option("--order <how>", "name (else), random, or label=KEY")
    .option("--seed <n>", "the same order by chance again")
    .option("--canary <n>", "so many before all others: 1, 5%")
    .option("--batch <n>", "so many, then the next when they have ended: 10, 25%")
    .option("--pause <span>", "time between two batches: 30s, 5m")
    .option(
      "--health <what>",
      "between batches: healthcheck, restarts, or both with a comma",
      toHealth,
    )
    .option(
      "--probe <command>",
      "between batches: a line for sh in each container, until it succeeds",
    )
    .option("--health-timeout <span>", "how long the health may take (else 1m)");
  command
    .option("--retry <n>", "where the script failed, try again up to so many attempts in all")
    .option("--retry-backoff <span>", "before the second attempt, then twice as long (else 10s)");
  return addConcurrencyOptions(command);
}

function addConcurrencyOptions(command: Command): Command {
  return command
    .option("--concurrency-key <key>", "at most one run of this key goes on at a time")
    .addOption(
      new Option(
        "--on-conflict <what>",
        "while another run has the key: queue (else), skip, or cancel that one",
      ).choices(ON_CONFLICT),
    );
}

function toHealth(text: string): readonly HealthWord[] {
  return text.split(",").map((word) => {
    const known = HEALTH_WORDS.find((one) => one === word.trim());
    if (known) return known;
    throw new UsageError(`--health takes ${HEALTH_WORDS.join(", ")}, not ${JSON.stringify(word)}`);
  });
}

/** The parts of a request that the options stand for. */
export function toRolloutRequest(
  options: RolloutOptions,
): Pick<RunRequestInput, "rollout" | "retry" | "concurrency"> {
  const rollout = toRollout(options);
  const concurrency = toConcurrency(options);
  const retry = toRetry(options);
  return {
    ...(rollout && { rollout }),
    ...(retry && { retry }),
    ...(concurrency && { concurrency }),
  };
}

function toRollout(options: RolloutOptions): RolloutInput | undefined {
  const { maxConcurrency, maxErrors, onError, order, seed, canary, batch, pause } = options;
  const health = toHealthRequest(options);
  const given = { maxConcurrency, maxErrors, onError, order, canary, batch, pause, health };
  const members = Object.entries(given).filter(([, value]) => value !== undefined);
  if (members.length === 0 && seed === undefined) return undefined;
  return {
    ...(Object.fromEntries(members) as RolloutInput),
    ...(seed !== undefined && { seed: toSeed(seed) }),
  };
}

function toSeed(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new UsageError(`--seed takes a number, not ${JSON.stringify(text)}`);
}

function toHealthRequest(options: RolloutOptions): RolloutInput["health"] {
  const { health = [], probe, healthTimeout } = options;
  if (health.length === 0 && probe === undefined) {
    if (healthTimeout === undefined) return undefined;
    throw new UsageError("--health-timeout says nothing without --health or --probe");
  }
  return {
    healthcheck: health.includes("healthcheck"),
    restarts: health.includes("restarts"),
    ...(probe !== undefined && { probe: { text: probe } }),
    ...(healthTimeout !== undefined && { timeout: healthTimeout }),
  };
}

function toRetry({ retry, retryBackoff }: RolloutOptions): RunRequestInput["retry"] {
  if (retry === undefined) {
    if (retryBackoff === undefined) return undefined;
    throw new UsageError("--retry-backoff says nothing without --retry");
  }
  if (!/^\d{1,3}$/.test(retry))
    throw new UsageError(`--retry takes a number of attempts, not ${JSON.stringify(retry)}`);
  return {
    attempts: Number(retry),
    ...(retryBackoff !== undefined && { backoff: retryBackoff }),
  };
}

function toConcurrency({
  concurrencyKey: key,
  onConflict,
}: RolloutOptions): RunRequestInput["concurrency"] {
  if (key !== undefined) return { key, ...(onConflict && { onConflict }) };
  if (onConflict === undefined) return undefined;
  throw new UsageError("--on-conflict says nothing without --concurrency-key");
}
