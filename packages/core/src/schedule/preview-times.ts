import type { Timing } from "./parse-cron.ts";

/** An instant at which a schedule is due, and what a change of the clocks does to it. */
export interface PreviewedTime {
  readonly dueMs: number;
  readonly note: string | undefined;
}

export interface PreviewRange {
  readonly afterMs: number;
  /** No time from here on. */
  readonly untilMs?: number | undefined;
  readonly count: number;
}

/** More than any change of clocks moves them, and less than two changes are apart. */
const AROUND_MS = 24 * 60 * 60 * 1_000;

/** Lists the next instants, each with a note where the clocks of the time zone change. */
export function previewTimes(
  timing: Timing,
  timeZone: string,
  { afterMs, untilMs = Number.POSITIVE_INFINITY, count }: PreviewRange,
): PreviewedTime[] {
  const clock = zoneClock(timeZone);
  const times: PreviewedTime[] = [];
  for (let cursorMs = afterMs; times.length < count; ) {
    const dueMs = timing.nextAfter(cursorMs);
    if (dueMs === undefined || dueMs >= untilMs) break;
    times.push({ dueMs, note: toNote(timing, dueMs, clock) });
    cursorMs = dueMs;
  }
  return times;
}

/** Writes an instant as the clocks of a time zone show it: `2026-03-29 03:00:00`. */
export function toLocalTime(instantMs: number, timeZone: string): string {
  return new Date(zoneClock(timeZone)(instantMs)).toISOString().slice(0, 19).replace("T", " ");
}

/** What the clocks show at an instant, as if it were UTC. */
type ZoneClock = (instantMs: number) => number;

function zoneClock(timeZone: string): ZoneClock {
  const format = new Intl.DateTimeFormat("en", {
    timeZone,
    hourCycle: "h23",
    era: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (instantMs) => {
    const parts = Object.fromEntries(
      format.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]),
    ) as Record<"year" | "month" | "day" | "hour" | "minute" | "second", number>;
    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  };
}

function toNote(timing: Timing, dueMs: number, clock: ZoneClock): string | undefined {
  const offsetAt = (instantMs: number) => clock(instantMs) - instantMs;
  const turnedBackMs = offsetAt(dueMs - AROUND_MS) - offsetAt(dueMs + AROUND_MS);
  if (!timing.isAsWritten(dueMs)) {
    return `the clocks skip the time that was asked for; due at ${toTimeOfDay(clock(dueMs))} instead`;
  }
  if (turnedBackMs <= 0) return undefined;
  const shown = clock(dueMs);
  if (clock(dueMs + turnedBackMs) === shown)
    return `${toTimeOfDay(shown)} comes twice; this is the first`;
  if (clock(dueMs - turnedBackMs) === shown)
    return `${toTimeOfDay(shown)} comes twice; this is the second`;
  return undefined;
}

function toTimeOfDay(shownMs: number): string {
  return new Date(shownMs).toISOString().slice(11, 16);
}
