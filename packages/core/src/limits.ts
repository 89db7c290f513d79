/** Sizes in bytes, times in milliseconds, counts. The server's configuration overrides them. */
export const DEFAULT_LIMITS = {
  bodyBytes: 1024 * 1024,
  scriptBytes: 1024 * 1024,
  paramBytes: 64 * 1024,
  allParamsBytes: 512 * 1024,
  paramCount: 100,
  stdinBytes: 512 * 1024,
  outputBytes: 64 * 1024 * 1024,
  timeoutMs: 60 * 60 * 1000,
  longestTimeoutMs: 24 * 60 * 60 * 1000,
  killGraceMs: 5_000,
  startTimeoutMs: 15_000,
  waitMs: 120_000,
  targetsPerRun: 50,
  mostTargetsPerRun: 1_000,
  executionsPerContainer: 16,
  executionsPerEngine: 64,
  restingConnectionsPerEngine: 256,
  queuedExecutions: 10_000,
  headersTimeoutMs: 10_000,
  connections: 1_024,
  followers: 512,
} as const;

export type Limits = { readonly [Name in keyof typeof DEFAULT_LIMITS]: number };
