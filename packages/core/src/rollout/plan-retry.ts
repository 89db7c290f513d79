import type { RetryRequest } from "../contract/retry.ts";
import { parseDurationMs } from "../duration.ts";
import type { ExecutionState } from "../runs/execution-state.ts";

export interface EndedAttempt {
  /** From 1. */
  readonly attempt: number;
  readonly state: ExecutionState;
  /** Processes of it that still run: then nothing is started beside them. */
  readonly leftovers: number;
}

/** How long to wait before the next attempt; `undefined` when there is none. */
export function findRetryDelayMs(retry: RetryRequest, ended: EndedAttempt): number | undefined {
  const { attempts, backoff, maxBackoff, on } = retry;
  const isMeant = (on as readonly ExecutionState[]).includes(ended.state);
  if (!isMeant || ended.leftovers > 0 || ended.attempt >= attempts) return undefined;
  const doubled = parseDurationMs(backoff) * 2 ** (ended.attempt - 1);
  return Math.min(doubled, parseDurationMs(maxBackoff));
}
