import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { outputNormaliser } from "./normalise-output.ts";

const normalise = outputNormaliser(["pg-1", "f1d1c0ffee00"]);

describe("what differs although the same happened is taken out", () => {
  test.each([
    ["2026-11-20T21:00:00.120Z start", "<time> start"],
    ["2026-11-20 21:00:00,120 UTC [4711] LOG:  ready", "<time> <pid> LOG: ready"],
    ["Nov 20 21:00:00 pg-1 cron[77]: ran", "<time> <name> cron<pid>: ran"],
    ["Fri, 20 Nov 2026 21:00:00 GMT", "<time>"],
    ["Fri Nov 20 21:00:00 UTC 2026", "<time>"],
    ["at 1763672400 and 1763672400123", "at <time> and <time>"],
    [
      "took 12.4s (3 ms of it), 1h30m, 2 minutes",
      "took <duration> (<duration> of it), <duration>, <duration>",
    ],
    ["real\t0m0.012s", "real <duration>"],
    ["id 6f1c7c1e-54c5-4f3a-9c67-0d1b1b5b2a10", "id <uuid>"],
    ["commit 9f2c1ab and 9f2c1ab4e5", "commit 9f2c1ab and <hex>"],
    ["at 0x7ffd1234", "at <hex>"],
    ["from 10.0.0.17:5432 to ::1 and fe80::1", "from <ip> to <ip> and <ip>"],
    ["02:42:ac:11:00:02", "<mac>"],
    ["pid 4711, PID=12, process 9", "<pid>, <pid>, <pid>"],
    ["\u001b[31mred\u001b[0m \u001b]0;title\u0007x", "red x"],
    ["10%\r50%\rdone\r\nnext", "done\nnext"],
    ["pg-1 is f1d1c0ffee00, pg-10 and xpg-1 are not", "<name> is <name>, pg-10 and xpg-1 are not"],
    ["pg-1    12  \npg-1 12", "<name> 12\n<name> 12"],
  ])("%j", (line, expected) => {
    expect(normalise(line)).toBe(expected);
  });
});

describe("what says something stays", () => {
  test.each([
    "3 rows, 17 MB, 99 %",
    "exit 1",
    "version 16.4",
    "table orders_64 has 8134 row versions",
    "ERROR: could not extend file base/5/16401.7",
    "decade facade",
    "12345678",
    "ratio 3:2",
    "a: b",
  ])("%j", (line) => {
    expect(normalise(line)).toBe(line);
  });
});

const awkward = fc.array(
  fc.constantFrom(
    "1",
    "9",
    "a",
    "f",
    ":",
    ".",
    "-",
    " ",
    "\t",
    "\r",
    "\n",
    "\u001b",
    "[",
    "]",
    "0x",
    "pid ",
    "pg-1",
    "Nov ",
    "é",
    "😀",
    "12:00",
    "s",
    "T",
    "Z",
  ),
  { maxLength: 60 },
);

test("any text is taken, line by line the same as all at once, and no line comes or goes", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        awkward.map((parts) => parts.join("")),
        fc.string({ unit: "binary" }),
      ),
      (text) => {
        const whole = normalise(text);
        expect(whole).toBe(text.split("\n").map(normalise).join("\n"));
        expect(whole.split("\n")).toHaveLength(text.split("\n").length);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("targets that did the same at other times give the same", () => {
  const run = fc.record({
    at: fc.date({ min: new Date("2001-01-01"), max: new Date("2040-01-01"), noInvalidDate: true }),
    pid: fc.integer({ min: 1, max: 4_194_304 }),
    tookMs: fc.integer({ min: 0, max: 100_000_000 }),
    id: fc.uuid(),
    ip: fc.ipV4(),
    hex: fc.stringMatching(/^[0-9a-f]{10}a1$/),
    name: fc.stringMatching(/^[a-z]{2,8}-[0-9]{1,3}$/),
  });
  const write = ({
    at,
    pid,
    tookMs,
    id,
    ip,
    hex,
    name,
  }: typeof run extends fc.Arbitrary<infer One> ? One : never) =>
    `${at.toISOString()} [${pid}] ${name}: ${id} from ${ip} as ${hex} took ${tookMs}ms or ${tookMs / 1000} s, 3 rows\n`;
  fc.assert(
    fc.property(run, run, (one, other) => {
      const texts = [one, other].map((each) => outputNormaliser([each.name])(write(each)));
      expect(texts[0]).toBe(texts[1]);
      expect(texts[0]).toContain("3 rows");
    }),
  );
});

test.each([
  ["digits", "1".repeat(100_000)],
  ["hex", "a1".repeat(50_000)],
  ["colons", "1:".repeat(50_000)],
  ["dots", "1.".repeat(50_000)],
  ["dates", "2026-11-20".repeat(10_000)],
  ["escapes", "\u001b[".repeat(50_000)],
  ["blanks", " ".repeat(100_000)],
  ["returns", "a\r".repeat(50_000)],
  ["months", "Nov ".repeat(25_000)],
  ["spans", "1h".repeat(50_000)],
])("a long line of %s costs little", (_of, line) => {
  const startedAt = performance.now();
  normalise(line);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
