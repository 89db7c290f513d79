import { expect } from "vitest";

/** What differs from one time to the next, and what stands for it. */
const CHANGING: readonly [RegExp, string][] = [
  [/\b[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}\b/g, "TIME"],
  [/\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?Z?)?/g, "TIME"],
  [/\b(run|exe|sch|trg|tok|dlv|req)_[0-9a-z]+…?/g, "ID"],
  [/\b[0-9a-f]{12,64}\b/g, "ID"],
  [/\b[\d.]+ ([KMG]i)?B\b/g, "SIZE"],
  [/\b(\d+)(ms|s|m|h|d)(\d\d?s)?\b/g, "SPAN"],
  [/PID \d+/g, "PID"],
  [/─+/g, "─"],
  [/ {2,}/g, "  "],
  [/ +$/gm, ""],
];

/** The text without what changes from one time to the next. */
export function toShape(text: string): string {
  return CHANGING.reduce((shape, [what, name]) => shape.replace(what, name), text).trim();
}

/** Every member that is shown is there, and of the same kind. */
export function expectSameMembers(actual: unknown, shown: unknown, place = ""): void {
  expect(kindOf(actual), `${place} of ${JSON.stringify(actual)}`).toBe(kindOf(shown));
  if (typeof shown !== "object" || shown === null) return;
  for (const [name, value] of Object.entries(shown))
    expectSameMembers((actual as Record<string, unknown>)[name], value, `${place}/${name}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
