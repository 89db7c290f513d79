import fc from "fast-check";
import { expect, test } from "vitest";
import { columnsOf, fitColumns } from "./columns.ts";

test("wide characters take two columns, marks and colours none", () => {
  expect(columnsOf("abc")).toBe(3);
  expect(columnsOf("漢字")).toBe(4);
  expect(columnsOf("🙂")).toBe(2);
  expect(columnsOf("e\u0301")).toBe(1);
  expect(columnsOf("\u001b[31mred\u001b[0m")).toBe(3);
});

test("a line that is cut fits, and says that it is cut", () => {
  const texts = fc
    .array(fc.constantFrom("a", "漢", "🙂", "e\u0301", " "))
    .map((all) => all.join(""));
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 30 }), (text, columns) => {
      const fitted = fitColumns(text, columns);
      expect(columnsOf(fitted)).toBeLessThanOrEqual(columns);
      if (columnsOf(text) <= columns) expect(fitted).toBe(text);
      else expect(fitted.endsWith("…")).toBe(true);
    }),
  );
});
