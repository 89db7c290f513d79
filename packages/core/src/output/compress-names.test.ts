import fc from "fast-check";
import { expect, test } from "vitest";
import { compressNames } from "./compress-names.ts";

test.each([
  [["pg-us-1", "pg-us-2", "pg-us-3", "pg-us-4"], "pg-us-[1-4]"],
  [["pg-eu-1", "pg-eu-2", "pg-eu-4", "web"], "pg-eu-[1-2,4] web"],
  [["pg-2", "pg-10", "pg-9"], "pg-[2,9-10]"],
  [["n08", "n09", "n10", "n11"], "n[08-11]"],
  [["n08", "n8", "n9"], "n08 n[8-9]"],
  [["shop-db-1-eu", "shop-db-2-eu", "shop-db-2-us"], "shop-db-[1-2]-eu shop-db-2-us"],
  [["a1", "a1"], "a1"],
  [["dh-1234567890123", "dh-1234567890124"], "dh-1234567890123 dh-1234567890124"],
  [[], ""],
])("%j is %s", (names, short) => {
  expect(compressNames(names)).toBe(short);
});

/** What a reader takes it for. */
function expand(text: string): string[] {
  return text.split(" ").flatMap((word) => {
    const [, head, inside, tail] = /^(.*)\[([\d,-]+)\](.*)$/.exec(word) ?? [];
    if (head === undefined || inside === undefined) return [word];
    return inside.split(",").flatMap((range) => {
      const [from = "", to = from] = range.split("-");
      return Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => {
        const number = String(Number(from) + at).padStart(
          from.startsWith("0") ? from.length : 0,
          "0",
        );
        return `${head}${number}${tail}`;
      });
    });
  });
}

test("no name is lost, and none is made up", () => {
  const part = fc.oneof(
    fc.constantFrom("pg", "-", "web", ".", "_", "0", "1", "08", "09", "10", "123456789012"),
    fc.nat(30).map(String),
  );
  const name = fc
    .array(part, { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(""))
    .filter((text) => /^[a-z0-9]/.test(text));
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 30 }), (names) => {
      expect(expand(compressNames(names)).sort()).toEqual([...new Set(names)].sort());
    }),
    { numRuns: 2_000 },
  );
});
