import type { Concurrency, RetryRequest } from "@deckhand/core";

const WHILE_TAKEN = {
  queue: "waits while another run has it",
  skip: "is skipped while another run has it",
  cancel: "cancels the run that has it",
} as const satisfies Record<Concurrency["onConflict"], string>;

/** `db/backup, waits while another run has it`. */
export function toKeyWords({ key, onConflict }: Concurrency): string {
  return `${key}, ${WHILE_TAKEN[onConflict]}`;
}

/** `up to 3 attempts where it failed, after 10s and then twice as long, at most 10m`. */
export function toRetryWords({ attempts, backoff, maxBackoff, on }: RetryRequest): string {
  return `up to ${attempts} attempts where it ${on.join(" or ")}, after ${backoff} and then twice as long, at most ${maxBackoff}`;
}
