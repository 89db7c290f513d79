import { AppError } from "./errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const PART = /(\d{1,15}(?:\.\d{1,15})?)(ms|s|m|h|d)/y;
const LONGEST_TEXT = 64;

/** Reads `90s`, `10m`, `1h30m` or `1.5h` as milliseconds; gives undefined for anything else. */
export function findDurationMs(text: string): number | undefined {
  if (text === "" || text.length > LONGEST_TEXT) return undefined;
  const part = new RegExp(PART);
  let sum = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (!match) return undefined;
    sum += Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? Number.NaN);
  }
  const rounded = Math.round(sum);
  return Number.isSafeInteger(rounded) ? rounded : undefined;
}

/** Reads a duration such as `1h30m` as milliseconds; throws REQUEST_INVALID when the text is none. */
export function parseDurationMs(text: string): number {
  const durationMs = findDurationMs(text);
  if (durationMs !== undefined) return durationMs;
  throw new AppError("REQUEST_INVALID", {
    detail: `"${text.slice(0, LONGEST_TEXT)}" is not a duration.`,
    hint: "Write a number with a unit (ms, s, m, h, d), for example 30s, 10m or 1h30m.",
  });
}

/** Writes milliseconds in the form that `parseDurationMs` reads: `1h30m`, `2.5s`, `0s`. */
export function formatDuration(durationMs: number): string {
  const whole = Math.max(0, Math.round(durationMs));
  if (whole === 0) return "0s";
  if (whole < 1_000) return `${whole}ms`;
  const [days, hours, minutes] = [
    whole / UNIT_DAY,
    (whole % UNIT_DAY) / 3_600_000,
    (whole % 3_600_000) / 60_000,
  ];
  const seconds = (whole % 60_000) / 1_000;
  return (
    toPart(days, "d") +
    toPart(hours, "h") +
    toPart(minutes, "m") +
    (seconds > 0 ? `${seconds}s` : "")
  );
}

const UNIT_DAY = 86_400_000;

function toPart(count: number, unit: string): string {
  return count >= 1 ? `${Math.floor(count)}${unit}` : "";
}
