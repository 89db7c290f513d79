import fc from "fast-check";
import { expect, test } from "vitest";
import { LineAssembler } from "./line-assembler.ts";

const encode = (text: string) => new TextEncoder().encode(text);

test("lines come out the same at any split of the bytes", () => {
  const texts = fc.array(fc.constantFrom("a", "ü", "漢", "🙂", "\n", "\r\n", ""), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(texts, fc.array(fc.nat(), { maxLength: 10 }), (pieces, cuts) => {
      const text = pieces.join("");
      const bytes = encode(text);
      const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
      const lines = new LineAssembler();
      let from = 0;
      const whole: string[] = [];
      for (const to of places.sort((one, other) => one - other)) {
        whole.push(...lines.push("x", bytes.slice(from, to)));
        from = to;
      }
      whole.push(...lines.end("x"));
      const expected = text.split("\n");
      if (expected.at(-1) === "") expected.pop();
      expect(whole).toEqual(expected);
    }),
  );
});

test("sources do not mix", () => {
  const lines = new LineAssembler();
  expect(lines.push("a", encode("one "))).toEqual([]);
  expect(lines.push("b", encode("two\n"))).toEqual(["two"]);
  expect(lines.push("a", encode("line\nrest"))).toEqual(["one line"]);
  expect(lines.end("a")).toEqual(["rest"]);
});

test("sixteen MiB without a line end neither fill the memory nor take long", () => {
  const lines = new LineAssembler();
  const piece = encode("x".repeat(16 * 1024));
  const startedAt = performance.now();
  const out = Array.from({ length: 1024 }, () => lines.push("x", piece)).flat();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect([...out, ...lines.end("x")].join("")).toHaveLength(16 * 1024 * 1024);
  expect(Math.max(...out.map(({ length }) => length))).toBeLessThan(2 * 1024 * 1024);
});
