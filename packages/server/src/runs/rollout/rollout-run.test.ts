import { type ExecutionState, firstProgress, planRollout, rolloutRequest } from "@deckhand/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { runDispatcher } from "../run-dispatcher.ts";
import { type EndedBatch, rolloutRun, type StopCause } from "./rollout-run.ts";

interface Fleet {
  readonly total: number;
  readonly request: object;
  /** What becomes of the target at a position. */
  readonly outcome: (position: number) => ExecutionState;
  readonly perEngine?: number;
  readonly passOn?: (batch: EndedBatch) => Promise<StopCause | undefined>;
}

/** Carries a rollout out with the real dispatcher and executions that end by themselves. */
async function carryOut({ total, request, outcome, perEngine = 64, passOn }: Fleet) {
  const plan = planRollout(rolloutRequest.parse(request), total, null);
  const states = new Map<string, ExecutionState>();
  const skipped: string[] = [];
  const seen = { now: 0, most: 0, causes: [] as StopCause[] };
  const waiting = Array.from({ length: total }, (_, position) => ({
    executionId: `${position}`,
    engine: "local",
    containerId: `c${position}`,
  }));
  const dispatcher = runDispatcher({
    executionsPerContainer: 1,
    executionsPerEngine: perEngine,
    execute: async (executionId) => {
      seen.now++;
      seen.most = Math.max(seen.most, seen.now);
      expect(states.has(executionId), "it starts once").toBe(false);
      states.set(executionId, "running");
      await new Promise(setImmediate);
      const state = outcome(Number(executionId));
      states.set(executionId, state);
      seen.now--;
      rollout.ended(executionId, state);
    },
  });
  const rollout = rolloutRun(
    {
      dispatcher,
      now: () => 0,
      passOn: passOn ?? (async () => undefined),
      skip: async (_runId, executionIds, cause) => {
        skipped.push(...executionIds);
        seen.causes.push(cause);
      },
    },
    { runId: "run", plan, progress: firstProgress(plan), waiting, lastEndedAtMs: 0 },
  );
  rollout.begin();
  while (dispatcher.inFlight + dispatcher.waiting > 0 || states.size + skipped.length < total)
    await new Promise(setImmediate);
  return { plan, states, skipped, ...seen, held: rollout.held };
}

test("1,000 targets in batches all have their turn, and never too many at once", async () => {
  const request = { maxConcurrency: "5%", batch: 100, canary: 1 };
  const done = await carryOut({ total: 1_000, request, outcome: () => "succeeded" });
  expect(done.states.size).toBe(1_000);
  expect(done.most).toBe(50);
  expect([done.skipped.length, done.held]).toEqual([0, 0]);
});

test("of 1,000 that fail, 10% are allowed and the rest is skipped", async () => {
  const request = { maxConcurrency: 10, maxErrors: "10%" };
  const { states, skipped, causes } = await carryOut({
    total: 1_000,
    request,
    outcome: () => "failed",
  });
  expect(states.size).toBeGreaterThan(100);
  expect(states.size).toBeLessThanOrEqual(100 + 10);
  expect(states.size + skipped.length).toBe(1_000);
  expect(causes).toHaveLength(1);
});

test("what waits for a place of the engine when it stops is skipped too", async () => {
  const fleet = { total: 40, request: { maxConcurrency: 20 }, perEngine: 2 };
  const { states, skipped } = await carryOut({ ...fleet, outcome: () => "failed" });
  expect(states.size).toBeLessThanOrEqual(3);
  expect(states.size + skipped.length).toBe(40);
  expect(new Set([...states.keys(), ...skipped]).size).toBe(40);
});

test("a batch whose health is bad is the last", async () => {
  const cause: StopCause = { code: "health-failed", detail: "" };
  const passOn = async ({ batch }: EndedBatch) => (batch === 1 ? cause : undefined);
  const done = await carryOut({
    total: 9,
    request: { batch: 3 },
    outcome: () => "succeeded",
    passOn,
  });
  expect([...done.states.keys()]).toEqual(["0", "1", "2", "3", "4", "5"]);
  expect([done.skipped, done.causes]).toEqual([["6", "7", "8"], [cause]]);
});

test("whatever the outcomes and the limits: each starts once or is skipped, in order, within the limits", async () => {
  const outcomes = fc.array(
    fc.constantFrom<ExecutionState>("succeeded", "succeeded", "failed", "timed-out", "rejected"),
    { minLength: 1, maxLength: 40 },
  );
  const requests = fc.record({
    maxConcurrency: fc.integer({ min: 1, max: 8 }),
    maxErrors: fc.nat(5),
    batch: fc.integer({ min: 1, max: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(
      outcomes,
      requests,
      fc.integer({ min: 1, max: 8 }),
      async (list, request, perEngine) => {
        const outcome = (position: number) => list[position] as ExecutionState;
        const done = await carryOut({ total: list.length, request, outcome, perEngine });
        const errors = [...done.states.values()].filter(
          (state) => state === "failed" || state === "timed-out",
        ).length;
        expect(done.most).toBeLessThanOrEqual(request.maxConcurrency);
        expect(errors).toBeLessThanOrEqual(request.maxErrors + request.maxConcurrency);
        expect(new Set([...done.states.keys(), ...done.skipped]).size).toBe(list.length);
        expect(done.skipped.length > 0).toBe(
          done.causes.length > 0 && done.states.size < list.length,
        );
      },
    ),
    { numRuns: 200 },
  );
});
