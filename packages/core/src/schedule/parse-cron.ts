import { Cron } from "croner";
import { findDurationMs } from "../duration.ts";
import { findNearMatch } from "../near-match.ts";

/** When something is due: the first instant after another one, or undefined when none comes any more. */
export interface Timing {
  nextAfter(afterMs: number): number | undefined;
  /** Tells whether an instant shows the time of day that was asked for; false where a clock change moved it. */
  isAsWritten(dueMs: number): boolean;
}

type Parsed = { readonly timing: Timing } | { readonly problem: string };

const NICKNAMES: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};
const EVERY = /^@every\s+(\S+)$/;
const SHORTEST_EVERY_MS = 1_000;
const LONGEST_EVERY_MS = 366 * 24 * 60 * 60 * 1_000;
/** No time is written with more than four digits of a year. */
const END_MS = Date.UTC(9999, 11, 31);
/** Tells what never comes, such as 31 February; its leap day comes by then. */
const ANY_INSTANT_MS = Date.UTC(2024, 0, 1);

/** Reads 5 or 6 cron fields, `@daily` and the like, or `@every 10m`, in a time zone; throws for anything else. */
export function parseCron(cron: string, timeZone: string): Timing {
  const parsed = readCron(cron, timeZone);
  if ("timing" in parsed) return parsed.timing;
  throw new RangeError(parsed.problem);
}

/** Tells in words what is wrong with a cron expression; undefined when nothing is. */
export function findCronProblem(cron: string): string | undefined {
  const parsed = readCron(cron, "UTC");
  return "problem" in parsed ? parsed.problem : undefined;
}

/** Tells in words what is wrong with the name of a time zone; undefined when it is known. */
export function findTimeZoneProblem(timeZone: string): string | undefined {
  if (isTimeZone(timeZone)) return undefined;
  const near = findNearMatch(timeZone, Intl.supportedValuesOf("timeZone"));
  return `is no time zone${near ? `; did you mean ${near}?` : ", such as UTC or Europe/Berlin"}`;
}

function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return true;
  } catch {
    return false;
  }
}

function readCron(cron: string, timeZone: string): Parsed {
  const text = cron.trim().replaceAll(/\s+/g, " ");
  const every = EVERY.exec(text);
  if (every) return readEvery(every[1] ?? "");
  if (text.startsWith("@")) return readNickname(text, timeZone);
  return readFields(text, timeZone);
}

function readNickname(word: string, timeZone: string): Parsed {
  const fields = NICKNAMES[word.toLowerCase()];
  if (fields !== undefined) return readFields(fields, timeZone);
  return {
    problem: `does not know ${word}; there are ${Object.keys(NICKNAMES).join(", ")} and @every 10m`,
  };
}

/** Counted from 1970 on, so that a restart or an edit moves nothing: every 15m is at :00, :15, :30 and :45. */
function readEvery(text: string): Parsed {
  const everyMs = findDurationMs(text);
  if (everyMs === undefined)
    return { problem: "needs a duration after @every, such as 10m or 1h30m" };
  if (everyMs < SHORTEST_EVERY_MS || everyMs > LONGEST_EVERY_MS || everyMs % 1_000 !== 0)
    return { problem: "needs whole seconds after @every, from 1s to 366d" };
  const nextAfter = (afterMs: number) => {
    const nextMs = (Math.floor(afterMs / everyMs) + 1) * everyMs;
    return nextMs < END_MS ? nextMs : undefined;
  };
  return { timing: { nextAfter, isAsWritten: () => true } };
}

function readFields(text: string, timeZone: string): Parsed {
  const count = text === "" ? 0 : text.split(" ").length;
  if (count !== 5 && count !== 6) {
    return {
      problem: `has ${count} fields; write 5 (minute hour day month weekday), or 6 with seconds in front`,
    };
  }
  try {
    return toTiming(toCron(text, timeZone));
  } catch (error) {
    return { problem: toWords(error) };
  }
}

/** A list of times of day counts as fixed, as it does in other crons: after a gap it runs, a repeated hour runs it once. */
function toCron(fields: string, timezone: string): Cron {
  return new Cron(fields, {
    timezone,
    mode: "5-or-6-parts",
    fixedTimeRule: "no-wildcard",
    paused: true,
  });
}

function toTiming(cron: Cron): Parsed {
  const nextAfter = (afterMs: number) => cron.nextRun(new Date(afterMs))?.getTime();
  if (nextAfter(ANY_INSTANT_MS) === undefined) return { problem: "names a time that never comes" };
  return { timing: { nextAfter, isAsWritten: (dueMs) => cron.match(new Date(dueMs)) } };
}

/** `CronPattern: Invalid value for minute: 61` in our way of saying it. */
function toWords(error: unknown): string {
  const said = (error as Error).message.replace(/^Cron\w*: /, "");
  return `can not be read: ${said.charAt(0).toLowerCase()}${said.slice(1)}`;
}
