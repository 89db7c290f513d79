import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isAppError } from "../errors.ts";
import { matchLine, parseSearch, toFullTextQuery } from "./parse-search.ts";

test("words, phrases, beginnings and exclusions", () => {
  expect(toFullTextQuery(parseSearch('conn* refused -"by peer" it\'s'))).toBe(
    `("conn"* AND "refused" AND "it's") NOT "by peer"`,
  );
  expect(toFullTextQuery(parseSearch('10.0.0.1 "NEAR(a b)" OR'))).toBe(
    '("10.0.0.1" AND "NEAR(a b)" AND "OR")',
  );
});

test.each([
  ["", "no word"],
  ["  ", "no word"],
  ["-only", "no word"],
  ["--- x", "letter or digit"],
  ["ab*", "fewer than 3"],
  [Array.from({ length: 21 }, (_, place) => `w${place}`).join(" "), "more than 20"],
])("%j is refused: %s", (text, because) => {
  expect(() => parseSearch(text)).toThrow(because);
});

test("whatever is typed is either refused or a query that SQLite takes", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("create virtual table lines using fts5(text)");
  const search = database.prepare("select rowid from lines where lines match ?");
  const parts = fc.constantFrom(
    '"',
    "'",
    "*",
    "-",
    "(",
    ")",
    "AND",
    "NOT",
    "NEAR(",
    "^",
    "{",
    ":",
    "text:",
    "\0",
    " ",
    "+",
    "é",
    "a",
  );
  const typed = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.oneof(parts, fc.string({ maxLength: 3 })), { maxLength: 20 })
      .map((all) => all.join("")),
  );
  fc.assert(
    fc.property(typed, (text) => {
      try {
        expect(search.all(toFullTextQuery(parseSearch(text)))).toEqual([]);
      } catch (error) {
        if (!isAppError(error, "QUERY_INVALID")) throw error;
      }
    }),
    { numRuns: 1_000 },
  );
  database.close();
});

test("a line of a script has all the words, in any case, and none that is left out", () => {
  const terms = parseSearch("VACUUM -full");
  expect(matchLine(terms, "vacuum (analyze) orders")).toEqual([{ from: 0, to: 6 }]);
  expect(matchLine(terms, "vacuum full")).toBeUndefined();
  expect(matchLine(terms, "analyze")).toBeUndefined();
});
