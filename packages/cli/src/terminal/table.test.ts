import { expect, test } from "vitest";
import { toTable } from "./table.ts";

test("columns are as wide as what is widest in them, and nothing stands behind the last", () => {
  const rows = [
    ["db-1", "\u001b[32mup\u001b[0m", "漢字"],
    ["a", "down", ""],
  ];
  expect(toTable(["NAME", "STATE", "TITLE"], rows)).toBe(
    "NAME  STATE  TITLE\ndb-1  \u001b[32mup\u001b[0m     漢字\na     down\n",
  );
});

test("a cell of several lines stays in its row", () => {
  expect(toTable(["A", "B"], [["one\n  two", "3"]])).toBe("A        B\none two  3\n");
});
