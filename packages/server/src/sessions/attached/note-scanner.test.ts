import fc from "fast-check";
import { expect, test } from "vitest";
import { NoteScanner } from "./note-scanner.ts";

const NONCE = "0123456789abcdef";
const MARK = `\u001edeckhand ${NONCE} `;

/** Output that looks like a note as far as it can without the number. */
const nasty = fc.constantFrom(
  "\u001e",
  "\u001edeckhand ",
  MARK.slice(0, -1),
  "\u001edeckhand 0000 exit 0\n",
  "\n",
  "x",
);
const piece = fc.oneof(
  nasty.map((text) => ({ note: undefined, bytes: Buffer.from(text) })),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ note: undefined, bytes: Buffer.from(bytes) })),
  fc
    .constantFrom("hello 12", "exit 3", "left 7 sleep")
    .map((note) => ({ note, bytes: Buffer.from(`${MARK}${note}\n`) })),
);

test("notes are taken out and everything else passes, in order, at any split of the bytes", () => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (pieces, cuts) => {
        const bytes = Buffer.concat(pieces.map((one) => one.bytes));
        const places = [
          0,
          ...cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other),
          bytes.length,
        ];
        const scanner = new NoteScanner(NONCE);
        const scanned = places
          .slice(1)
          .flatMap((end, index) => scanner.push(bytes.subarray(places[index], end)));
        const output = Buffer.concat([
          ...scanned.flatMap((one) => (one.kind === "output" ? [one.bytes] : [])),
          scanner.end(),
        ]);
        const wanted = Buffer.concat(
          pieces.flatMap((one) => (one.note === undefined ? [one.bytes] : [])),
        );
        // Two pieces of output can make a note together only with the number in them, which the script does not know.
        fc.pre(!wanted.includes(MARK));
        expect(scanned.flatMap((one) => (one.kind === "note" ? [one.note] : []))).toEqual(
          pieces.flatMap((one) => one.note ?? []),
        );
        expect(output.equals(wanted)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

test("a note that is never finished is output in the end", () => {
  const scanner = new NoteScanner(NONCE);
  expect(scanner.push(Buffer.from(`a${MARK}exit`))).toEqual([
    { kind: "output", bytes: Buffer.from("a") },
  ]);
  expect(scanner.end().toString()).toBe(`${MARK}exit`);
});
