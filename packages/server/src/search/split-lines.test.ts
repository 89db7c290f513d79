import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter, LONGEST_LINE } from "./split-lines.ts";

const split = (pieces: readonly Buffer[], most = 1_000_000) => {
  const splitter = new LineSplitter(most);
  for (const piece of pieces) splitter.add(piece);
  return splitter.end();
};

test("colours, titles and control characters are taken out, and long lines are cut", () => {
  const bytes = Buffer.from("\u001b[31mred\u001b[0m\u001b]0;title\u0007!\r\n\u0002a\u0003\tb\n");
  expect(split([bytes])).toEqual(["red!", " a  b"]);
  expect(split([Buffer.from("x".repeat(9_999))])).toEqual(["x".repeat(LONGEST_LINE)]);
  expect(split([Buffer.from("one\ntwo\nthree")], 6)).toEqual(["one", "tw"]);
});

test("however the bytes are cut, the lines are the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(), (text, at) => {
      const bytes = Buffer.from(text);
      const cut = at % (bytes.length + 1);
      expect(split([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(split([bytes]));
    }),
  );
});
