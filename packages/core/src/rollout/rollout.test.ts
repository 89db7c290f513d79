import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RolloutDefaults, type RolloutRequest, rolloutRequest } from "../contract/rollout.ts";
import { type ExecutionState, isTerminal } from "../runs/execution-state.ts";
import { resolveAmount, resolvePositive } from "./amount.ts";
import { orderTargets } from "./order-targets.ts";
import { batchOf } from "./batch-of.ts";
import { planRollout, type RolloutPlan } from "./plan-rollout.ts";
import {
  afterBatch,
  afterEnd,
  afterStart,
  firstProgress,
  isRolloutError,
  nextRolloutStep,
  progressOf,
  type RolloutProgress,
} from "./rollout-step.ts";
import { withHeaderDefaults } from "./with-header-defaults.ts";

const plan = (input: object, total: number) =>
  planRollout(rolloutRequest.parse(input) as RolloutRequest, total, null);

describe("amounts", () => {
  test.each([
    [3, 50, 3],
    ["3", 50, 3],
    ["10%", 50, 5],
    ["10%", 9, 0],
    ["100%", 7, 7],
    [0, 7, 0],
  ])("%s of %i is %i", (amount, total, expected) => {
    expect(resolveAmount(amount, total)).toBe(expected);
  });

  test("a share of few is one at least where something has to start", () => {
    expect(resolvePositive("1%", 7)).toBe(1);
  });

  test.each(["-1", "1.5", "10 %", "%", "ten", 1.5, -1])("%s is none", (amount) => {
    expect(rolloutRequest.safeParse({ maxErrors: amount }).success).toBe(false);
  });

  test.each([{ batch: 0 }, { canary: "0%" }, { maxConcurrency: "0" }])(
    "%o never starts",
    (input) => {
      expect(rolloutRequest.safeParse(input).success).toBe(false);
    },
  );
});

describe("the request", () => {
  test("without more said it is 50 at once and no error", () => {
    expect(plan({}, 200)).toMatchObject({ maxConcurrency: 50, maxErrors: 0, batches: [200] });
  });

  test.each([
    [{ pause: "1s" }, "pause"],
    [{ health: { restarts: true } }, "health"],
    [{ onError: "continue", maxErrors: 1 }, "maxErrors"],
    [{ seed: 1 }, "seed"],
  ])("%o says nothing", (input, member) => {
    const { error } = rolloutRequest.safeParse(input);
    expect(error?.issues.map(({ path }) => path)).toEqual([[member]]);
  });

  test.each([
    [{ canary: 1, batch: 4 }, 10, [1, 4, 4, 1]],
    [{ batch: "30%" }, 10, [3, 3, 3, 1]],
    [{ canary: "10%" }, 50, [5, 45]],
    [{ canary: 9 }, 5, [5]],
    [{ batch: 9 }, 5, [5]],
    [{}, 0, []],
  ])("%o of %i makes the batches %j", (input, total, batches) => {
    expect(plan(input, total).batches).toEqual(batches);
  });

  test("each target is in the batch that its position says", () => {
    expect([0, 1, 4, 5, 9].map((position) => batchOf([1, 4, 5], position))).toEqual([
      0, 1, 1, 2, 2,
    ]);
  });
});

describe("what a script's header says holds where the caller does not say it", () => {
  const header = { maxConcurrency: "10%", onError: "stop", maxErrors: 2 } as const;
  const merged = (asked: object | undefined, defaults: RolloutDefaults | null = header) => {
    const request = withHeaderDefaults(asked && rolloutRequest.parse(asked), defaults);
    return request && planRollout(request, 100, null);
  };

  test.each([
    [undefined, { maxConcurrency: 10, maxErrors: 2, order: "name" }],
    [{ batch: 50 }, { maxConcurrency: 10, maxErrors: 2, batches: [50, 50] }],
    [{ maxConcurrency: 5 }, { maxConcurrency: 5, maxErrors: 2 }],
    [{ maxErrors: "1%" }, { maxConcurrency: 10, maxErrors: 1 }],
    [{ onError: "continue" }, { maxConcurrency: 10, maxErrors: null }],
    [{ onError: "stop" }, { maxConcurrency: 10, maxErrors: 0 }],
  ])("%o", (asked, expected) => {
    expect(merged(asked)).toMatchObject(expected);
  });

  test("and a limit of the caller's is one where the header's errors stop nothing", () => {
    expect(merged({ maxErrors: 3 }, { onError: "continue" })).toMatchObject({ maxErrors: 3 });
  });

  test("and what neither says is no rollout", () => {
    expect(merged(undefined, null)).toBeUndefined();
  });
});

describe("when it stops, as SSM has it", () => {
  const stopsAt = (input: object, total: number, state: ExecutionState) => {
    const rollout = plan({ maxConcurrency: 1, ...input }, total);
    let progress = firstProgress(rollout);
    for (let ended = 0; ended < total; ended++) {
      if (nextRolloutStep(rollout, progress).kind === "stop") return ended;
      progress = afterEnd(afterStart(progress, 1), state);
    }
    return "never";
  };

  test.each([
    [0, 50, 1],
    [3, 50, 4],
    ["10%", 50, 6],
    ["100%", 5, "never"],
  ])("maxErrors %s of %i stops at error %s", (maxErrors, total, errors) => {
    expect(stopsAt({ maxErrors }, total, "failed")).toBe(errors);
  });

  test.each(["failed", "timed-out", "lost"] as const)("%s counts", (state) => {
    expect(stopsAt({}, 3, state)).toBe(1);
  });

  test.each(["succeeded", "rejected", "cancelled", "skipped"] as const)("%s does not", (state) => {
    expect(stopsAt({}, 3, state)).toBe("never");
  });

  test("nothing does when errors are to be no matter", () => {
    expect(stopsAt({ onError: "continue" }, 3, "failed")).toBe("never");
  });
});

interface Ending {
  readonly states: ExecutionState[];
  readonly most: number;
  readonly stopped: boolean;
  readonly between: number;
}

/** Plays a rollout: `pick` says which of those that go on ends next; all that is left is skipped when it stops. */
function play(
  rollout: RolloutPlan,
  outcomes: readonly ExecutionState[],
  pick: () => number,
): Ending {
  const states: ExecutionState[] = outcomes.map(() => "queued");
  const going: number[] = [];
  let progress: RolloutProgress = firstProgress(rollout);
  const seen = { most: 0, next: 0, between: 0, stopped: false };
  const endOne = () => {
    const [position] = going.splice(pick() % going.length, 1) as [number];
    states[position] = outcomes[position] as ExecutionState;
    progress = afterEnd(progress, outcomes[position] as ExecutionState);
  };
  for (;;) {
    const asRows = states.map((state) => ({ state, attempt: 1 }));
    expect(progressOf(rollout, asRows), "the rows tell the same").toEqual(
      nextRolloutStep(rollout, progress).kind === "between"
        ? progress
        : skipEmpty(rollout, progress, states),
    );
    const step = nextRolloutStep(rollout, progress);
    if (step.kind === "end") break;
    if (step.kind === "stop") {
      seen.stopped = true;
      while (going.length > 0) endOne();
      for (; seen.next < states.length; seen.next++) states[seen.next] = "skipped";
      break;
    }
    if (step.kind === "wait") endOne();
    if (step.kind === "between") {
      seen.between++;
      progress = afterBatch(rollout, progress);
    }
    if (step.kind === "start") {
      for (let count = 0; count < step.count; count++) {
        states[seen.next] = "running";
        going.push(seen.next++);
      }
      progress = afterStart(progress, step.count);
      seen.most = Math.max(seen.most, going.length);
    }
  }
  return { states, most: seen.most, stopped: seen.stopped, between: seen.between };
}

/** A batch that was entered and where nothing has begun looks in the rows like one that was not. */
function skipEmpty(
  rollout: RolloutPlan,
  progress: RolloutProgress,
  states: readonly ExecutionState[],
): RolloutProgress {
  const begun = states.filter((state) => state !== "queued").length;
  const before = rollout.batches.slice(0, progress.batch).reduce((sum, size) => sum + size, 0);
  if (progress.batch === 0 || begun > before) return progress;
  return { ...progress, batch: progress.batch - 1, waiting: 0 };
}

const amounts = fc.oneof(
  fc.nat(12),
  fc.integer({ min: 0, max: 100 }).map((share) => `${share}%`),
);
const positive = fc.oneof(
  fc.integer({ min: 1, max: 12 }),
  fc.integer({ min: 1, max: 100 }).map((share) => `${share}%`),
);
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const requests = fc.record({
  maxConcurrency: positive,
  maxErrors: maybe(amounts),
  canary: maybe(positive),
  batch: maybe(positive),
});
const finals = fc.constantFrom<ExecutionState>(
  "succeeded",
  "succeeded",
  "failed",
  "timed-out",
  "lost",
  "rejected",
);

test("never too many at once, never too many errors, all end, and what is skipped was stopped before", () => {
  fc.assert(
    fc.property(
      requests,
      fc.array(finals, { maxLength: 60 }),
      fc.infiniteStream(fc.nat(1000)),
      (input, outcomes, stream) => {
        const rollout = plan(input, outcomes.length);
        const ended = play(rollout, outcomes, () => stream.next().value as number);
        const errors = ended.states.filter(isRolloutError).length;
        const skipped = ended.states.filter((state) => state === "skipped").length;
        const allowed = rollout.maxErrors ?? Number.POSITIVE_INFINITY;
        expect(ended.states.every(isTerminal)).toBe(true);
        expect(ended.most).toBeLessThanOrEqual(rollout.maxConcurrency);
        expect(errors).toBeLessThanOrEqual(allowed + rollout.maxConcurrency);
        expect(skipped > 0).toBe(ended.stopped);
        if (skipped > 0) expect(errors).toBeGreaterThan(allowed);
        if (!ended.stopped) expect(ended.between).toBe(Math.max(0, rollout.batches.length - 1));
        expect(rollout.batches.reduce((sum, size) => sum + size, 0)).toBe(outcomes.length);
      },
    ),
    { numRuns: 300 },
  );
});

test("a target that waits to be tried again has begun", () => {
  const rollout = plan({ batch: 1 }, 2);
  const rows = [
    { state: "succeeded", attempt: 1 },
    { state: "queued", attempt: 2 },
  ] as const;
  expect(progressOf(rollout, rows)).toEqual({ batch: 1, waiting: 0, going: 1, errors: 0 });
});

test("what is next is decided in the same time however many there are", () => {
  const rollout = plan({ batch: 1, onError: "continue" }, 100_000);
  let progress = firstProgress(rollout);
  let started = 0;
  for (let step = nextRolloutStep(rollout, progress); step.kind !== "end"; ) {
    if (step.kind === "between") progress = afterBatch(rollout, progress);
    else {
      progress = afterEnd(afterStart(progress, 1), "failed");
      started++;
    }
    step = nextRolloutStep(rollout, progress);
  }
  expect(started).toBe(100_000);
});

describe("the order", () => {
  const target = (name: string, zone?: string) => ({
    name,
    engine: "local",
    labels: { ...(zone && { zone }) } as Record<string, string>,
  });
  const all = [target("web-10", "b"), target("web-2", "b"), target("db-1"), target("web-1", "a")];
  const names = (order: string, seed = 1) =>
    orderTargets(all, { order, seed }).map(({ name }) => name);

  test("is by name, and numbers in names count as numbers", () => {
    expect(names("name")).toEqual(["db-1", "web-1", "web-2", "web-10"]);
  });

  test("is by a label's value, and those without it are last", () => {
    expect(names("label=zone")).toEqual(["web-1", "web-2", "web-10", "db-1"]);
  });

  test("by chance is the same for the same seed, whatever order the targets came in", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(all, { minLength: 4 }),
        fc.nat(2 ** 32 - 1),
        (shuffled, seed) => {
          const order = (targets: typeof all) => orderTargets(targets, { order: "random", seed });
          expect(order(shuffled)).toEqual(order(all));
          expect(
            order(all).toSorted((one, other) => (one.name < other.name ? -1 : 1)),
          ).toHaveLength(4);
        },
      ),
    );
    expect(
      new Set(Array.from({ length: 50 }, (_, seed) => names("random", seed).join())).size,
    ).toBeGreaterThan(5);
  });
});
