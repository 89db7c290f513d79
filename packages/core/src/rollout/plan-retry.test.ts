import fc from "fast-check";
import { expect, test } from "vitest";
import { retryRequest } from "../contract/retry.ts";
import { EXECUTION_STATES, type ExecutionState } from "../runs/execution-state.ts";
import { findRetryDelayMs } from "./plan-retry.ts";

const retry = (more: object = {}) => retryRequest.parse({ attempts: 5, backoff: "1s", ...more });
const ended = (attempt: number, state: ExecutionState = "failed", leftovers = 0) => ({
  attempt,
  state,
  leftovers,
});

test("each wait is twice the one before, up to the longest", () => {
  const waits = [1, 2, 3, 4].map((attempt) =>
    findRetryDelayMs(retry({ maxBackoff: "3s" }), ended(attempt)),
  );
  expect(waits).toEqual([1_000, 2_000, 3_000, 3_000]);
});

test("the last attempt has none behind it", () => {
  expect(findRetryDelayMs(retry(), ended(5))).toBeUndefined();
});

test("only what failed is tried again, unless timeouts are meant too; never what may still run", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...EXECUTION_STATES),
      fc.boolean(),
      fc.nat(1),
      (state, both, left) => {
        const on = both ? ["failed", "timed-out"] : ["failed"];
        const delay = findRetryDelayMs(retry({ on }), ended(1, state, left));
        expect(delay !== undefined).toBe(left === 0 && on.includes(state));
      },
    ),
  );
});

test.each([{ attempts: 1 }, { attempts: 21 }, { attempts: 2, on: ["lost"] }, {}])(
  "%j is refused",
  (input) => expect(retryRequest.safeParse(input).success).toBe(false),
);
