const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];

/** How long after each attempt that failed the next one comes; after the last of them nothing is tried any more. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

const LONGEST_WISH_MS = 24 * HOUR;

export interface FailedAttempt {
  /** Counts from 1, with this one. */
  readonly attempts: number;
  readonly atMs: number;
  /** What the receiver asked for by Retry-After. */
  readonly retryAfterMs?: number | undefined;
  /** From 0 up to, but not including, 1: spreads what failed together. */
  readonly chance: number;
}

/** When to try again, up to a tenth later than the list says; undefined when it is to be given up. */
export function nextAttemptMs(failed: FailedAttempt): number | undefined {
  const delayMs = RETRY_DELAYS_MS[failed.attempts - 1];
  if (delayMs === undefined) return undefined;
  const wishMs = Math.min(failed.retryAfterMs ?? 0, LONGEST_WISH_MS);
  return failed.atMs + Math.max(Math.round(delayMs * (1 + failed.chance / 10)), wishMs);
}
