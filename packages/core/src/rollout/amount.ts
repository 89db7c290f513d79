import type { Amount } from "../contract/rollout.ts";

/** How many of `total` an amount is; a share is rounded down to whole targets, 10% of 50 is 5. */
export function resolveAmount(amount: Amount, total: number): number {
  const [, digits = "0", percent] = /^(\d+)(%?)$/.exec(String(amount)) ?? [];
  return percent ? Math.floor((total * Number(digits)) / 100) : Number(digits);
}

/** Likewise, and at least one. */
export function resolvePositive(amount: Amount, total: number): number {
  return Math.max(1, resolveAmount(amount, total));
}
