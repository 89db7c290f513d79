import fc from "fast-check";
import { expect, test } from "vitest";
import { lastState, sanitizeLine, sanitizeText, toOneLine } from "./sanitize.ts";

const ESC = "\u001b";

test.each([
  ["a title", `${ESC}]0;owned\u0007text`],
  ["a link", `${ESC}]8;;http://x${ESC}\\text${ESC}]8;;${ESC}\\`],
  ["a cursor move", `${ESC}[2J${ESC}[Htext`],
  ["a device control string", `${ESC}P1;2|payload${ESC}\\text`],
  ["one-byte controls", "\u009bte\u0008xt\u0000"],
  ["a lone escape", `text${ESC}`],
])("%s does not reach a terminal", (_name, line) => {
  expect(sanitizeLine(line, { keepColors: true })).toBe("text");
});

test("colours stay where they are wanted, and end with the line", () => {
  const line = `${ESC}[1;31mred`;
  expect(sanitizeLine(line, { keepColors: true })).toBe(`${line}${ESC}[0m`);
  expect(sanitizeLine(line, { keepColors: false })).toBe("red");
});

test("nothing but text, tabs and colours is left of any line", () => {
  const hostile = fc.array(
    fc.constantFrom(ESC, "[", "]", "m", "0", ";", "\u0007", "\u009b", "a", "\\", "P", "\t"),
  );
  fc.assert(
    fc.property(hostile, (pieces) => {
      const clean = sanitizeLine(pieces.join(""), { keepColors: true });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      expect(clean.replace(/\u001b\[[0-9;:]*m/g, "")).not.toMatch(
        /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/,
      );
    }),
  );
});

test("a progress line shows its last state, and a title stays on one line", () => {
  expect(lastState("10%\r50%\r100%\r")).toBe("100%");
  expect(toOneLine(`sh -c a\n\tb${ESC}[31m`)).toBe("sh -c a b");
  expect(sanitizeText(`a\tb\n${ESC}[2Jc`)).toBe("a\tb\nc");
});

test("no text makes it throw, and an escape that is left is a colour", () => {
  const anything = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));
  fc.assert(
    fc.property(anything, fc.boolean(), (text, keepColors) => {
      const clean = sanitizeLine(text, { keepColors });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      expect(clean.replace(/\u001b\[[0-9;:]*m/g, "")).not.toContain(ESC);
      expect(toOneLine(text)).not.toMatch(/[\n\r]/);
      expect(sanitizeText(text)).not.toContain(ESC);
    }),
  );
});
