import fc from "fast-check";
import { expect, test } from "vitest";
import { findCronProblem, findTimeZoneProblem, parseCron } from "./parse-cron.ts";

const SECOND_MS = 1_000;

function nextTimes(cron: string, { zone = "UTC", after = "2026-03-28T12:00:00Z", count = 3 } = {}) {
  const timing = parseCron(cron, zone);
  const times: string[] = [];
  let cursorMs: number | undefined = Date.parse(after);
  for (let left = count; left > 0; left--) {
    cursorMs = timing.nextAfter(cursorMs);
    if (cursorMs === undefined) break;
    times.push(new Date(cursorMs).toISOString().replace(".000Z", "Z"));
  }
  return times;
}

test.each([
  ["0 3 * * *", "UTC", ["2026-03-29T03:00:00Z", "2026-03-30T03:00:00Z"]],
  ["*/30 * * * * *", "UTC", ["2026-03-28T12:00:30Z", "2026-03-28T12:01:00Z"]],
  ["  0   3 * *  MON-FRI ", "UTC", ["2026-03-30T03:00:00Z", "2026-03-31T03:00:00Z"]],
  ["0 0 L * *", "UTC", ["2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z"]],
  ["0 9 * * MON#1", "UTC", ["2026-04-06T09:00:00Z", "2026-05-04T09:00:00Z"]],
  ["@hourly", "UTC", ["2026-03-28T13:00:00Z", "2026-03-28T14:00:00Z"]],
  ["@midnight", "Asia/Kolkata", ["2026-03-28T18:30:00Z", "2026-03-29T18:30:00Z"]],
  ["@Daily", "UTC", ["2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"]],
  ["@every 20m", "UTC", ["2026-03-28T12:20:00Z", "2026-03-28T12:40:00Z"]],
  ["@every 1h30m", "Europe/Berlin", ["2026-03-28T13:30:00Z", "2026-03-28T15:00:00Z"]],
  // 02:30 does not exist in Berlin on 29 March.
  ["30 2 * * *", "Europe/Berlin", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]],
  ["30 2,14 * * *", "Europe/Berlin", ["2026-03-28T13:30:00Z", "2026-03-29T01:00:00Z"]],
  ["*/30 2 * * *", "Europe/Berlin", ["2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"]],
] as const)("%s in %s", (cron, zone, expected) => {
  expect(nextTimes(cron, { zone, count: expected.length })).toEqual(expected);
});

test("an hour that comes twice runs a time of day once and an interval twice", () => {
  const night = { zone: "America/New_York", after: "2026-11-01T04:00:00Z" };
  expect(nextTimes("30 1 * * *", { ...night, count: 2 })).toEqual([
    "2026-11-01T05:30:00Z",
    "2026-11-02T06:30:00Z",
  ]);
  expect(nextTimes("*/30 1 * * *", { ...night, count: 4 })).toEqual([
    "2026-11-01T05:00:00Z",
    "2026-11-01T05:30:00Z",
    "2026-11-01T06:00:00Z",
    "2026-11-01T06:30:00Z",
  ]);
});

test.each([
  ["* * * *", "has 4 fields"],
  ["* * * * * * *", "has 7 fields"],
  ["", "has 0 fields"],
  ["61 * * * *", "invalid value for minute: 61"],
  ["a b c d e", "illegal characters"],
  ["0 0 31 2 *", "never comes"],
  ["@reboot", "does not know @reboot"],
  ["@every", "does not know @every"],
  ["@every soon", "needs a duration"],
  ["@every 500ms", "whole seconds"],
  ["@every 400d", "whole seconds"],
  ["2026-01-01T00:00:00", "has 1 fields"],
])("%j is refused: %s", (cron, words) => {
  expect(findCronProblem(cron)).toContain(words);
  expect(() => parseCron(cron, "UTC")).toThrow(words);
});

test("a time zone that is not known is refused with the one that was meant", () => {
  expect(findTimeZoneProblem("Europe/Berlin")).toBeUndefined();
  expect(findTimeZoneProblem("Europe/Berln")).toContain("did you mean Europe/Berlin?");
  expect(findTimeZoneProblem("nowhere at all")).toContain("such as UTC");
});

test("nothing that somebody may write ends the process, and what is read goes on forward", () => {
  const field = fc.constantFrom(
    "*",
    "*/5",
    "0",
    "3",
    "1-4",
    "L",
    "MON",
    "1,2",
    "?",
    "99",
    "W",
    "#",
    "-",
  );
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.array(field, { minLength: 4, maxLength: 7 }).map((fields) => fields.join(" ")),
  );
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 4e12 }), (cron, afterMs) => {
      if (findCronProblem(cron) !== undefined) return;
      const dueMs = parseCron(cron, "Europe/Berlin").nextAfter(afterMs);
      expect(dueMs === undefined || dueMs > afterMs).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("@every keeps its beat whenever it is asked", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 0, max: 4e12 }),
      (seconds, afterMs) => {
        const dueMs = parseCron(`@every ${seconds}s`, "UTC").nextAfter(afterMs) ?? 0;
        expect(dueMs % (seconds * SECOND_MS)).toBe(0);
        expect(dueMs - afterMs).toBeGreaterThan(0);
        expect(dueMs - afterMs).toBeLessThanOrEqual(seconds * SECOND_MS);
      },
    ),
  );
});

test("no time comes whose year needs more than four digits", () => {
  const last = { after: "9999-01-01T00:00:00Z" };
  expect(nextTimes("@every 366d", last)).toEqual(["9999-08-15T00:00:00Z"]);
});
