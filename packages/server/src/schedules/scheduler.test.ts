import type { FireStep } from "@deckhand/core";
import { expect, test } from "vitest";
import type { Definition } from "../definitions/definition.ts";
import type { ScheduleClock } from "./schedule-clock.ts";
import { type Carried, scheduler } from "./scheduler.ts";
import { type StoredSchedule, storedSchedule } from "./stored-schedule.ts";

const NOON_MS = Date.parse("2026-11-20T12:00:00Z");
const MINUTE_MS = 60_000;

/** A clock that stands still until the test moves it. */
function handClock() {
  let nowMs = NOON_MS;
  let timers: { readonly atMs: number; readonly wake: () => void }[] = [];
  const clock: ScheduleClock = {
    now: () => nowMs,
    wait: (ms, wake) => {
      const timer = { atMs: nowMs + ms, wake };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
  };
  async function settle(): Promise<void> {
    for (let round = 0; round < 50; round++) await new Promise(setImmediate);
  }
  return {
    clock,
    timers: () => timers.length,
    settle,
    /** Lets time pass, timer by timer. */
    pass: async (ms: number) => {
      await settle();
      for (const endMs = nowMs + ms; ; ) {
        const next = timers.toSorted((one, other) => one.atMs - other.atMs)[0];
        if (!next || next.atMs > endMs) {
          nowMs = endMs;
          return;
        }
        timers = timers.filter((one) => one !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.wake();
        await settle();
      }
    },
    /** Sets the clock as somebody does by hand: what was waited for is as far away as before. */
    set: (ms: number) => {
      timers = timers.map(({ atMs, wake }) => ({ atMs: atMs - nowMs + ms, wake }));
      nowMs = ms;
    },
  };
}

function definition(name: string, cron: string): Definition<StoredSchedule> {
  const body = storedSchedule.parse({ cron, run: { script: "x", on: ["y"] } });
  const by = { tokenId: null, name: "ann" };
  return { id: `sch_${name}`, name, version: 1, body, createdAtMs: 0, updatedAtMs: 0, by };
}

const BEGUN = { decidedMs: NOON_MS, pause: undefined };

function watched(answer: (step: FireStep) => Carried = () => ({ kind: "decided" })) {
  const hand = handClock();
  const done: string[] = [];
  const failures: unknown[] = [];
  const running = scheduler({
    clock: hand.clock,
    carryOut: async ({ name }, step) => {
      const lastMs = step.kind === "fire" ? step.dueMs : step.toMs;
      const carried = answer(step);
      done.push(`${name} ${step.kind} ${(lastMs - NOON_MS) / MINUTE_MS} ${carried.kind}`);
      return carried;
    },
    onFailure: (_definition, error) => failures.push(error),
  });
  return { hand, done, failures, running };
}

test("nothing starts before it is told to, and then what is due in its time", async () => {
  const { hand, done, running } = watched();
  running.put(definition("a", "@every 10m"), BEGUN);
  await hand.pass(MINUTE_MS);
  expect(hand.timers()).toBe(0);
  running.start();
  await hand.pass(20 * MINUTE_MS);
  expect(done).toEqual(["a fire 10 decided", "a fire 20 decided"]);
});

test("thousands of schedules wait with one timer", async () => {
  const { hand, done, running } = watched();
  const all = Array.from({ length: 2_000 }, (_, index) =>
    definition(`s${index}`, `@every ${(index % 50) + 1}m`),
  );
  await running.putAll(all.map((one) => [one, BEGUN]));
  running.start();
  await hand.pass(MINUTE_MS);
  await hand.settle();
  expect(hand.timers()).toBe(1);
  expect(done).toHaveLength(40);
  await hand.pass(MINUTE_MS);
  expect(done).toHaveLength(40 + 80);
});

test("a clock that is set forward and back decides each time once more at most, and none is passed over", async () => {
  const { hand, done, running } = watched();
  running.put(definition("a", "@every 10m"), BEGUN);
  running.start();
  await hand.pass(10 * MINUTE_MS);
  hand.set(NOON_MS + 24 * 60 * MINUTE_MS);
  await hand.pass(MINUTE_MS);
  hand.set(NOON_MS + 15 * MINUTE_MS);
  await hand.pass(10 * MINUTE_MS);
  expect(done).toEqual([
    "a fire 10 decided",
    "a missed 1430 decided",
    "a fire 1440 decided",
    "a fire 20 decided",
  ]);
});

test("what had ended by a wrong clock goes on by the right one", async () => {
  const { hand, done, running } = watched();
  const until = new Date(NOON_MS + 60 * MINUTE_MS).toISOString();
  const whole = definition("a", "@every 10m");
  running.put({ ...whole, body: { ...whole.body, until } }, BEGUN);
  running.start();
  await hand.pass(MINUTE_MS);
  hand.set(NOON_MS + 24 * 60 * MINUTE_MS);
  await hand.pass(MINUTE_MS);
  hand.set(NOON_MS + MINUTE_MS);
  await hand.pass(10 * MINUTE_MS);
  expect(done).toEqual(["a missed 50 decided", "a fire 10 decided"]);
});

test("what can not be started for a moment is tried again, in its order", async () => {
  let tries = 0;
  const { hand, done, running } = watched(() =>
    ++tries < 3 ? { kind: "later", afterMs: 5_000 } : { kind: "decided" },
  );
  running.put(definition("a", "@every 10m"), BEGUN);
  running.start();
  await hand.pass(11 * MINUTE_MS);
  expect(done).toEqual(["a fire 10 later", "a fire 10 later", "a fire 10 decided"]);
});

test("a failure on our side is told, and does not end the schedule", async () => {
  let tries = 0;
  const { hand, done, failures, running } = watched(() => {
    if (++tries === 1) throw new Error("the disk is gone");
    return { kind: "decided" };
  });
  running.put(definition("a", "@every 10m"), BEGUN);
  running.start();
  await hand.pass(11 * MINUTE_MS);
  expect(failures).toHaveLength(1);
  expect(done).toEqual(["a fire 10 decided"]);
});

test("what is paused, disabled, removed or closed starts nothing", async () => {
  const { hand, done, running } = watched();
  const off = definition("off", "@every 1m");
  running.put({ ...off, body: { ...off.body, enabled: false } }, BEGUN);
  const pause = { atMs: NOON_MS, by: "ann", reason: null };
  running.put(definition("paused", "@every 1m"), { ...BEGUN, pause });
  running.put(definition("removed", "@every 1m"), BEGUN);
  running.put(definition("a", "@every 1m"), BEGUN);
  running.start();
  running.remove("sch_removed");
  await hand.pass(MINUTE_MS);
  await running.close();
  await hand.pass(MINUTE_MS);
  expect(done).toEqual(["a fire 1 decided"]);
});

test("a new version takes the place of the old one at once", async () => {
  const { hand, done, running } = watched();
  running.put(definition("a", "@every 10m"), BEGUN);
  running.start();
  await hand.pass(MINUTE_MS);
  running.put(definition("a", "@every 3m"), { ...BEGUN, decidedMs: hand.clock.now() });
  await hand.pass(2 * MINUTE_MS);
  expect(done).toEqual(["a fire 3 decided"]);
});
