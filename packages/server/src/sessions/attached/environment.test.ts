import fc from "fast-check";
import { expect, test } from "vitest";
import { findTooLarge, toPieces } from "./environment.ts";

test("pieces of a text make the text again, and each is one that the kernel takes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 50 }),
      fc.integer({ min: 0, max: 3000 }),
      (unit, times) => {
        const text = unit.repeat(times);
        const pieces = toPieces(text);
        expect(pieces.join("")).toBe(text);
        for (const piece of pieces) {
          expect(Buffer.byteLength(piece)).toBeLessThan(128 * 1024 - 100);
          expect(piece.isWellFormed()).toBe(true);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("what no kernel takes is said before anything is started", () => {
  expect(findTooLarge({ A: "x" })).toBeUndefined();
  expect(findTooLarge({ A: "x".repeat(128 * 1024) })).toContain("A has");
  expect(
    findTooLarge(
      Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`V${index}`, "x".repeat(60_000)]),
      ),
    ),
  ).toContain("together");
});
