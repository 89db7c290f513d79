/** How many are taken in which time. */
export interface RateLimit {
  readonly count: number;
  readonly perMs: number;
}

/** How much of a limit is left. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export interface Taken {
  readonly bucket: Bucket;
  /** Undefined when one was taken, else when there will be one. */
  readonly waitMs: number | undefined;
}

/** Takes one of a bucket that fills evenly; without a bucket nothing was taken yet. A clock that was set back gives nothing. */
export function takeToken(
  { count, perMs }: RateLimit,
  before: Bucket | undefined,
  nowMs: number,
): Taken {
  const from = before ?? { tokens: count, atMs: nowMs };
  const passedMs = Math.max(0, nowMs - from.atMs);
  const tokens = Math.min(count, from.tokens + (passedMs * count) / perMs);
  const atMs = nowMs;
  if (tokens >= 1) return { bucket: { tokens: tokens - 1, atMs }, waitMs: undefined };
  return { bucket: { tokens, atMs }, waitMs: Math.ceil(((1 - tokens) * perMs) / count) };
}
