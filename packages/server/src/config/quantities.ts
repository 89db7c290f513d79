import { findDurationMs } from "@deckhand/core";
import { z } from "zod";

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
};

/** A whole number, also as text. */
export const countOf = toQuantity((text) => Number(text), "write a whole number");
/** Bytes as a number, or with a unit: `64MiB`, `1GB`. */
export const sizeBytes = toQuantity(
  parseSizeBytes,
  "write a number of bytes, or a size such as 64MiB",
);
/** Milliseconds as a number, or a duration: `30s`, `1h30m`. */
export const durationMs = toQuantity(
  parseTimeMs,
  "write a number of milliseconds, or a duration such as 30s or 1h30m",
);

function toQuantity(parse: (text: string) => number | undefined, message: string) {
  return z.union([z.number(), z.string()], { error: message }).transform((given, context) => {
    const value = typeof given === "number" ? given : parse(given.trim());
    if (value !== undefined && Number.isSafeInteger(value) && value >= 0) return value;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

function parseSizeBytes(text: string): number | undefined {
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text) ?? [];
  const unitBytes = UNIT_BYTES[unit.toUpperCase()];
  return amount === "" || unitBytes === undefined
    ? undefined
    : Math.round(Number(amount) * unitBytes);
}

function parseTimeMs(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : findDurationMs(text);
}
