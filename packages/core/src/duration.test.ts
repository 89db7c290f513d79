import fc from "fast-check";
import { expect, test } from "vitest";
import { findDurationMs, formatDuration, parseDurationMs } from "./duration.ts";
import { isAppError } from "./errors.ts";

test.each([
  ["500ms", 500],
  ["90s", 90_000],
  ["1h30m", 5_400_000],
  ["1.5h", 5_400_000],
  ["0s", 0],
  ["2d", 172_800_000],
])("%s is %i ms", (text, durationMs) => {
  expect(parseDurationMs(text)).toBe(durationMs);
});

test.each(["", "5", "s", "1 h", "-1s", "1h 30m", "1H", "1e3s", `${"9".repeat(15)}d`])(
  "%j is no duration",
  (text) => {
    expect(findDurationMs(text)).toBeUndefined();
    expect(() => parseDurationMs(text)).toThrow(
      expect.objectContaining({ code: "REQUEST_INVALID" }),
    );
  },
);

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000_000_000 }), (durationMs) => {
      expect(parseDurationMs(formatDuration(durationMs))).toBe(durationMs);
    }),
  );
});

test("any text is read or refused", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        expect(parseDurationMs(text)).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(isAppError(error, "REQUEST_INVALID")).toBe(true);
      }
    }),
  );
});
