import fc from "fast-check";
import { expect, test } from "vitest";
import { formatAgo, formatBytes, formatSpan } from "./spans.ts";

test.each([
  [0, "0.0s"],
  [9_999, "9.9s"],
  [10_000, "10s"],
  [59_999, "59s"],
  [60_000, "1m00s"],
  [252_000, "4m12s"],
  [3_599_999, "59m59s"],
  [3 * 3_600_000 + 5 * 60_000, "3h05m"],
  [86_399_999, "23h59m"],
  [12 * 86_400_000, "12d"],
])("%i ms is %s", (ms, text) => {
  expect(formatSpan(ms)).toBe(text);
});

test.each([
  [0, "0 B"],
  [1_023, "1023 B"],
  [1_024, "1.0 KiB"],
  [1_258_292, "1.2 MiB"],
  [1024 ** 3, "1.0 GiB"],
  [1024 ** 5, "1024.0 TiB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("a time ago has no tenths, and one that is not over is now", () => {
  const nowMs = Date.parse("2026-11-20T00:00:10.000Z");
  expect(formatAgo("2026-11-20T00:00:07.500Z", nowMs)).toBe("2s ago");
  expect(formatAgo("2026-11-20T00:00:09.500Z", nowMs)).toBe("now");
  expect(formatAgo("2026-11-20T00:00:11.000Z", nowMs)).toBe("now");
});

test("no span takes more than seven columns within three years", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 94_608_000_000 }), (ms) => {
      expect(formatSpan(ms)).toMatch(/^\d+(\.\d)?[smhd](\d\d[sm])?$/);
      expect(formatSpan(ms).length).toBeLessThanOrEqual(7);
    }),
  );
});
