import { type Concurrency, concurrencyRequest } from "../contract/concurrency.ts";
import { type RolloutDefaults, rolloutDefaults } from "../contract/rollout.ts";

export const PARALLEL_FORM =
  "@parallel is a number of targets or a share of them, such as 10 or 25%";
export const ON_FAILURE_FORM =
  "@on-failure is stop, continue, or stop after 2 (or 10%): more failed targets than that stop it";

/** Reads `10` or `25%`. */
export function readParallel(text: string): RolloutDefaults["maxConcurrency"] {
  return rolloutDefaults.shape.maxConcurrency.safeParse(toAmount(text)).data;
}

/** Reads `stop`, `continue`, `stop after 2` or `stop after 10%`; the amount is that of `maxErrors`. */
export function readOnFailure(
  text: string,
): Pick<RolloutDefaults, "onError" | "maxErrors"> | undefined {
  if (text === "stop" || text === "continue") return { onError: text };
  const [, amount] = /^stop[ \t]+after[ \t]+(\S+)$/.exec(text) ?? [];
  const maxErrors = rolloutDefaults.shape.maxErrors.safeParse(amount && toAmount(amount)).data;
  return maxErrors === undefined ? undefined : { onError: "stop", maxErrors };
}

/** Reads `KEY`, or `KEY skip`; gives what is wrong in words. */
export function readConcurrency(text: string): Concurrency | string {
  const [key = "", onConflict, ...more] = text.split(/[ \t]+/);
  if (/^\d+$/.test(key)) return NO_NUMBER;
  const { success, data } = concurrencyRequest.safeParse({
    key,
    ...(onConflict !== undefined && { onConflict }),
  });
  return success && more.length === 0 ? data : CONCURRENCY_FORM;
}

const CONCURRENCY_FORM = `@concurrency is a key, such as db/backup, and then nothing or ${concurrencyRequest.shape.onConflict.unwrap().options.join(", ")}`;
/** As a key a number would be one of all scripts that write it, which nobody means by it. */
const NO_NUMBER =
  "@concurrency is a key, such as db/backup, of which one run goes on at a time, and no number; @parallel says how many targets at once";

function toAmount(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text;
}
