import fc from "fast-check";
import { expect, test } from "vitest";
import { decideFires, type FireRules, type FireStep, type MissedPolicy } from "./decide-fires.ts";
import { jitterMs } from "./jitter.ts";
import { parseCron } from "./parse-cron.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOON_MS = Date.parse("2026-11-20T12:00:00Z");

interface Choice {
  readonly cron?: string;
  readonly policy?: MissedPolicy;
  readonly most?: number;
  readonly jitter?: number;
  readonly fromMs?: number;
  readonly untilMs?: number;
}

function rules({
  cron = "@every 10m",
  policy = "skip",
  most = 10,
  jitter = 0,
  ...bounds
}: Choice): FireRules {
  return {
    timing: parseCron(cron, "UTC"),
    jitterMs: (dueMs) => jitterMs("sch_x", dueMs, jitter),
    mostJitterMs: jitter,
    missed: { policy, most, withinMs: 24 * HOUR_MS, graceMs: MINUTE_MS },
    ...bounds,
  };
}

const minutesAfterNoon = (ms: number) => (ms - NOON_MS) / MINUTE_MS;

function toWords(step: FireStep): string {
  return step.kind === "fire"
    ? `${step.cause} ${minutesAfterNoon(step.dueMs)}`
    : `missed ${step.count}: ${minutesAfterNoon(step.fromMs)} to ${minutesAfterNoon(step.toMs)}`;
}

function decide(choice: Choice, nowMinutes: number, decidedMinutes = 0) {
  const decision = decideFires(rules(choice), {
    decidedMs: NOON_MS + decidedMinutes * MINUTE_MS,
    nowMs: NOON_MS + nowMinutes * MINUTE_MS,
  });
  return {
    steps: decision.steps.map(toWords),
    next: decision.nextAtMs === undefined ? undefined : minutesAfterNoon(decision.nextAtMs),
  };
}

test("nothing is due before its time, and what is due is due once", () => {
  expect(decide({}, 9.99)).toEqual({ steps: [], next: 10 });
  expect(decide({}, 10)).toEqual({ steps: ["due 10"], next: 20 });
  expect(decide({}, 10, 10)).toEqual({ steps: [], next: 20 });
});

test("a little late is in time", () => {
  expect(decide({}, 11)).toEqual({ steps: ["due 10"], next: 20 });
  expect(decide({}, 11.1)).toEqual({ steps: ["missed 1: 10 to 10"], next: 20 });
});

test.each([
  ["skip", ["missed 3: 10 to 30"]],
  ["one", ["missed 2: 10 to 20", "caught-up 30"]],
  ["all", ["caught-up 10", "caught-up 20", "caught-up 30"]],
] as const)("missed while nobody could start them: %s", (policy, steps) => {
  expect(decide({ policy }, 35)).toEqual({ steps, next: 40 });
});

test("one that is due now makes up for those before it", () => {
  expect(decide({ policy: "one" }, 40.5).steps).toEqual(["missed 3: 10 to 30", "due 40"]);
  expect(decide({ policy: "all", most: 2 }, 40.5).steps).toEqual([
    "missed 1: 10 to 10",
    "caught-up 20",
    "caught-up 30",
    "due 40",
  ]);
});

test("what is older than the window is not made up for", () => {
  expect(decide({ policy: "all", cron: "@daily" }, 3 * 24 * 60).steps).toEqual([
    `missed 2: ${12 * 60} to ${36 * 60}`,
    `caught-up ${60 * 60}`,
  ]);
});

test("a long absence of a busy schedule is counted up to a bound and decided at once", () => {
  const { steps } = decide({ policy: "one", cron: "@every 1s" }, 365 * 24 * 60);
  expect(steps[0]).toMatch(/^missed 1000: /);
  expect(steps.slice(1).every((step) => step.startsWith("due "))).toBe(true);
  expect(steps).toHaveLength(1 + 61);
});

test("nothing comes before the beginning and from the end on", () => {
  const bounds = { fromMs: NOON_MS + 20 * MINUTE_MS, untilMs: NOON_MS + 40 * MINUTE_MS };
  expect(decide({ policy: "all", ...bounds }, 55)).toEqual({
    steps: ["caught-up 20", "caught-up 30"],
    next: undefined,
  });
  expect(decide(bounds, 5)).toEqual({ steps: [], next: 20 });
});

test("a clock that was ahead and is set back does not hold the schedule still", () => {
  const monthAheadMs = NOON_MS + 30 * 24 * HOUR_MS;
  const first = decideFires(rules({}), { decidedMs: monthAheadMs, nowMs: NOON_MS });
  expect(first).toEqual({ steps: [], decidedMs: NOON_MS, nextAtMs: NOON_MS + 10 * MINUTE_MS });
  const { decidedMs, nextAtMs = 0 } = first;
  expect(decideFires(rules({}), { decidedMs, nowMs: nextAtMs }).steps.map(toWords)).toEqual([
    "due 10",
  ]);
});

test("jitter is waited for, and does not make a thing late", () => {
  const jitter = 5 * MINUTE_MS;
  const waitMs = jitterMs("sch_x", NOON_MS + 10 * MINUTE_MS, jitter);
  const startMinutes = 10 + waitMs / MINUTE_MS;
  expect(waitMs).toBeGreaterThan(0);
  expect(decide({ jitter }, 10)).toEqual({ steps: [], next: startMinutes });
  expect(decide({ jitter }, startMinutes).steps).toEqual(["due 10"]);
  expect(decide({ jitter }, 15.9).steps).toEqual(["due 10"]);
  expect(decide({ jitter }, 16.1).steps).toEqual(["missed 1: 10 to 10"]);
});

test("jitter lies within its bound and uses it", () => {
  const waits = Array.from({ length: 500 }, (_, index) => jitterMs("sch_x", index * MINUTE_MS, 99));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...waits)).toBeLessThanOrEqual(99);
  expect(new Set(waits).size).toBeGreaterThan(80);
});

test("however a day is cut into looks and crashes, `all` fires every instant once and in order", () => {
  const look = fc.record({
    gapMs: fc.integer({ min: 1, max: 90 * MINUTE_MS }),
    done: fc.nat({ max: 12 }),
  });
  fc.assert(
    fc.property(
      fc.array(look, { maxLength: 60 }),
      fc.nat({ max: 3 * MINUTE_MS }),
      (looks, jitter) => {
        const fired = simulate(rules({ policy: "all", most: 200, jitter }), looks);
        const expected = Array.from(
          { length: fired.length },
          (_, index) => NOON_MS + (index + 1) * 10 * MINUTE_MS,
        );
        expect(fired).toEqual(expected);
      },
    ),
  );
});

test("however the clock jumps, every time that it passes is decided, and twice only after it went back", () => {
  const jump = fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS });
  fc.assert(
    fc.property(fc.array(jump, { maxLength: 40 }), (jumps) => {
      let nowMs = NOON_MS;
      let decidedMs = NOON_MS;
      const decided = new Set<number>();
      for (const byMs of jumps) {
        nowMs += byMs;
        const decision = decideFires(rules({ policy: "all", most: 100 }), { decidedMs, nowMs });
        decidedMs = decision.decidedMs;
        for (const step of decision.steps) {
          const dueMs = step.kind === "fire" ? step.dueMs : step.toMs;
          expect(dueMs > decidedMs && dueMs <= nowMs).toBe(true);
          decided.add(dueMs);
          decidedMs = dueMs;
        }
        for (let dueMs = NOON_MS + 10 * MINUTE_MS; dueMs <= nowMs; dueMs += 10 * MINUTE_MS)
          expect(decided.has(dueMs)).toBe(true);
      }
    }),
  );
});

/** Each look carries out only so many steps before the process dies; what is decided is what was carried out. */
function simulate(
  fireRules: FireRules,
  looks: readonly { readonly gapMs: number; readonly done: number }[],
): number[] {
  const fired: number[] = [];
  let nowMs = NOON_MS;
  let decidedMs = NOON_MS;
  for (const { gapMs, done } of looks) {
    nowMs += gapMs;
    for (const step of decideFires(fireRules, { decidedMs, nowMs }).steps.slice(0, done)) {
      if (step.kind === "fire") fired.push(step.dueMs);
      decidedMs = step.kind === "fire" ? step.dueMs : step.toMs;
    }
  }
  return fired;
}
