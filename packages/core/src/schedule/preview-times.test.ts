import { expect, test } from "vitest";
import { parseCron } from "./parse-cron.ts";
import { previewTimes, toLocalTime } from "./preview-times.ts";

function preview(cron: string, zone: string, after: string, count = 3) {
  const range = { afterMs: Date.parse(after), count };
  return previewTimes(parseCron(cron, zone), zone, range).map(({ dueMs, note }) => ({
    local: toLocalTime(dueMs, zone),
    note,
  }));
}

test("a time that the clocks skip is named where it goes", () => {
  expect(preview("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2)).toEqual([
    {
      local: "2026-03-29 03:00:00",
      note: "the clocks skip the time that was asked for; due at 03:00 instead",
    },
    { local: "2026-03-30 02:30:00", note: undefined },
  ]);
});

test("a time that comes twice says which one it is", () => {
  const after = "2026-10-24T23:30:00Z";
  expect(preview("30 2 * * *", "Europe/Berlin", after, 1)[0]?.note).toBe(
    "02:30 comes twice; this is the first",
  );
  expect(preview("*/30 2 * * *", "Europe/Berlin", after, 5).map(({ note }) => note)).toEqual([
    "02:00 comes twice; this is the first",
    "02:30 comes twice; this is the first",
    "02:00 comes twice; this is the second",
    "02:30 comes twice; this is the second",
    undefined,
  ]);
});

test("a change of half an hour is seen as well", () => {
  expect(preview("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", 1)[0]?.note).toBe(
    "01:45 comes twice; this is the first",
  );
});

test("days around a change carry no note", () => {
  expect(
    preview("0 12 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 4).map(({ note }) => note),
  ).toEqual([undefined, undefined, undefined, undefined]);
});

test("nothing is shown from the end on", () => {
  const afterMs = Date.parse("2026-01-01T00:00:00Z");
  const range = { afterMs, untilMs: afterMs + 2 * 3_600_000, count: 5 };
  expect(previewTimes(parseCron("@hourly", "UTC"), "UTC", range)).toHaveLength(1);
});
