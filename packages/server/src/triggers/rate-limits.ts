import { type Bucket, parseDurationMs, takeToken } from "@deckhand/core";

export interface LimitRule {
  readonly count: number;
  readonly per: string;
}

/** Limits by key, in memory: with a new server process each begins full. */
export interface RateLimits {
  /** Takes one; gives how long to wait when there is none. */
  take(key: string, rule: LimitRule): number | undefined;
}

const MOST_KEYS = 10_000;

export function rateLimits(now: () => number): RateLimits {
  const buckets = new Map<string, Bucket>();
  return {
    take: (key, { count, per }) => {
      const rate = { count, perMs: Math.max(1, parseDurationMs(per)) };
      const { bucket, waitMs } = takeToken(rate, buckets.get(key), now());
      // What was used last comes last, so that the first can be forgotten.
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > MOST_KEYS) buckets.delete(buckets.keys().next().value ?? "");
      return waitMs;
    },
  };
}
