import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runRequest } from "../contract/run.ts";
import {
  RESOURCE_LIMITS,
  type ResourceLimitName,
  readResourceLimit,
} from "./read-resource-limit.ts";

const NAMES = Object.keys(RESOURCE_LIMITS) as ResourceLimitName[];

describe("a limit is read as the part of a request that it is", () => {
  test.each([
    ["nice", "-20", { nice: -20 }],
    ["nice", "+19", { nice: 19 }],
    ["oomScore", "0", { oomScore: 0 }],
    ["cpuTime", "1h0.5m", { cpuTime: "1h0.5m" }],
    ["openFiles", "1", { openFiles: 1 }],
    ["fileBytes", "0", { fileBytes: 0 }],
    ["fileBytes", "4096", { fileBytes: 4096 }],
    ["fileBytes", "1.5kb", { fileBytes: 1500 }],
    ["fileBytes", "2 GiB", { fileBytes: 2 ** 31 }],
    ["processes", "4194304", { processes: 4194304 }],
    ["umask", "000", { umask: "000" }],
    ["umask", "0777", { umask: "0777" }],
  ] as const)("%s %j", (name, text, limit) => {
    expect(readResourceLimit(name, text)).toEqual(limit);
  });
});

describe("a text is refused", () => {
  test.each([
    ["nice", ""],
    ["nice", "0x5"],
    ["nice", "1e1"],
    ["nice", "-21"],
    ["oomScore", "1001"],
    ["cpuTime", "0s"],
    ["cpuTime", "1.5s"],
    ["cpuTime", "-5s"],
    ["openFiles", "2147483648"],
    ["fileBytes", "-1"],
    ["fileBytes", "1 EiB"],
    ["fileBytes", "999999999999999GiB"],
    ["processes", "4194305"],
    ["umask", "22"],
    ["umask", "00022"],
    ["umask", "rwx"],
  ] as const)("%s %j", (name, text) => {
    expect(readResourceLimit(name, text)).toBeUndefined();
  });
});

test("whatever is read from a text, a request takes", () => {
  const texts = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.integer().map(String),
    fc.stringMatching(/^[0-7]{1,5}$/),
    fc.stringMatching(/^\d{1,16}(\.\d)?([KMGkmg]?i?B|s|m|h)?$/),
  );
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), texts, (name, text) => {
      const limits = readResourceLimit(name, text);
      if (limits === undefined) return;
      expect(Object.keys(limits)).toEqual([name]);
      expect(runRequest.parse({ argv: ["x"], on: ["y"], limits }).limits).toEqual(limits);
    }),
    { numRuns: 2_000 },
  );
});
