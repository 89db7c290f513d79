import { expect, test } from "vitest";
import type { EngineEvent } from "../engines/engine.ts";
import { eventReplay } from "./event-replay.ts";

const NOON_MS = Date.parse("2026-11-20T12:00:00Z");

/** An engine whose clock is an hour ahead of ours, and ours that the test moves. */
function setUp() {
  let oursMs = 0;
  const replay = eventReplay(() => oursMs);
  return {
    replay,
    pass: (ms: number) => {
      oursMs += ms;
    },
    take: (afterMs: number, containerId = "c1") =>
      replay.take({ kind: "die", containerId, at: new Date(NOON_MS + afterMs) } as EngineEvent),
    asksFrom: () => (replay.since()?.getTime() ?? Number.NaN) - NOON_MS,
  };
}

test("nothing is asked for before the engine's time is known, nor what was before it", () => {
  const { replay, take, asksFrom } = setUp();
  expect(replay.since()).toBeUndefined();
  replay.opened(undefined);
  expect(replay.since()).toBeUndefined();
  replay.opened(new Date(NOON_MS));
  expect(asksFrom()).toBe(1_000);
  take(1_500);
  expect(asksFrom(), "two seconds earlier nobody listened").toBe(1_000);
  take(400);
  expect(asksFrom(), "what came was heard").toBe(400);
});

test("a little is asked for again, and what comes again is not new", () => {
  const { replay, take, asksFrom } = setUp();
  replay.opened(new Date(NOON_MS));
  expect([take(60_000), take(60_000), take(60_000, "c2")]).toEqual([true, false, true]);
  expect(asksFrom()).toBe(58_000);
  // An event may come behind one that is a moment younger.
  expect([take(59_000, "c3"), take(59_000, "c3"), take(60_000)]).toEqual([true, false, false]);
});

test("after a long time only the last ten minutes are asked for, by the engine's clock", () => {
  const { replay, pass, asksFrom } = setUp();
  replay.opened(new Date(NOON_MS));
  pass(60 * 60_000);
  expect(asksFrom()).toBe(50 * 60_000 + 1_000);
});
