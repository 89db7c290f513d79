import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "../errors.ts";
import { assertEnvAllowed } from "./assert-env-allowed.ts";
import { parseScriptHeader } from "./parse-script-header.ts";
import { isReservedName } from "./reserved-names.ts";
import { resolveParams } from "./resolve-params.ts";
import type { GivenSecrets } from "./resolve-secrets.ts";

function headerOf(...lines: string[]) {
  const { header, problems } = parseScriptHeader(
    ["# @deckhand 1", ...lines.map((line) => `# ${line}`)].join("\n"),
    "x.sh",
  );
  expect(problems).toEqual([]);
  return header;
}

function placesOf(work: () => unknown): Record<string, string> {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError)
      return Object.fromEntries(error.errors.map(({ pointer, detail }) => [pointer, detail]));
    throw error;
  }
  return {};
}

const HEADER = headerOf(
  "@param TABLE string(1..5)?",
  "@param JOBS int(1..8) = 2",
  "@param FULL bool = false",
  "@param MODE choice(plan|run)",
  "@param SHOW choices(size|ttl|type) = size,ttl",
  "@secret TOKEN",
);

test("values are checked, defaults filled in, secrets kept apart", () => {
  const resolved = resolveParams(HEADER, {
    JOBS: "08",
    FULL: "yes",
    MODE: "run",
    TOKEN: "t0psecret",
  });
  expect(resolved).toEqual({
    env: { JOBS: "8", FULL: "true", MODE: "run", SHOW: "size\nttl" },
    secrets: { TOKEN: "t0psecret" },
    args: [],
    shown: { JOBS: 8, FULL: true, MODE: "run", SHOW: ["size", "ttl"], TOKEN: "•••" },
  });
});

test("the sentence names the first of them", () => {
  const give = (given: Record<string, string>) => () => resolveParams(HEADER, given);
  expect(give({ MODE: "run", TOKEN: "xxxx", JOBS: "two" })).toThrow(
    "JOBS has to be a whole number, such as 3.",
  );
  expect(give({ MODE: "run", JOBS: "two" })).toThrow(
    "JOBS has to be a whole number, such as 3 (and 1 more).",
  );
});

test("everything that is wrong is said at once, with its place", () => {
  const given = {
    TABLE: "sixsix",
    JOBS: 9,
    FULL: "maybe",
    MODE: "rum",
    SHOW: ["size", "x"],
    JOB: 1,
  };
  expect(placesOf(() => resolveParams(HEADER, given))).toEqual({
    "/params/TABLE": "has 6 characters; at most 5 are allowed",
    "/params/JOBS": "is 9; the most is 8",
    "/params/FULL": "has to be true or false",
    "/params/MODE": "is not one of plan, run; did you mean run?",
    "/params/SHOW": "is not one of size, ttl, type",
    "/params/TOKEN": "is required",
    "/params/JOB": "is not a parameter of this script; did you mean JOBS?",
  });
});

describe("a value of a type", () => {
  test.each([
    [
      "int",
      ["1", 1, "-7", "+7", 0, "-0"],
      ["1.5", 1.5, "", "x", "1e3", true, "9007199254740993", ["1"]],
    ],
    ["number", ["1.5", -2, ".5", "1e3"], ["", "x", "NaN", "Infinity", true, "1e999"]],
    ["bool", ["true", false, "ON", "0"], ["", "2", "ja", ["true"]]],
    ["date", ["2026-01-31", "2024-02-29"], ["2023-02-29", "2026-1-1", "2026-13-01", "", 20260101]],
    ["duration", ["10m", "0s"], ["10", "", 10]],
    ["json", ['{"a":1}', "null", 5, true, ["a"]], ["{", "", "undefined"]],
    ["string", ["", "x", 5, true, "a\nb", "😀"], [["a"], "\0", "\uD800"]],
    ["file", ["", "a\r\nb\n", "\uFEFF😀"], [5, true, ["a"], "\0", "\uD800", "x".repeat(65_537)]],
    ["file(..2)", ["", "😀\n"], ["abc"]],
  ])("%s", (type, good, bad) => {
    const header = headerOf(`@param A ${type}`);
    for (const value of good)
      expect(placesOf(() => resolveParams(header, { A: value }))).toEqual({});
    for (const value of bad)
      expect(Object.keys(placesOf(() => resolveParams(header, { A: value })))).toEqual([
        "/params/A",
      ]);
  });
});

test("a script without a header takes any name that is allowed; one with a header does not", () => {
  expect(resolveParams(undefined, { A: "x", B: 5, C: ["a", "b"] }).env).toEqual({
    A: "x",
    B: "5",
    C: "a\nb",
  });
  expect(Object.keys(placesOf(() => resolveParams(undefined, { PATH: "/x", "a b": "" })))).toEqual([
    "/params/PATH",
    "/params/a b",
  ]);
  expect(placesOf(() => resolveParams(headerOf("@title x"), { A: "x" }))).toEqual({
    "/params/A": "is not a parameter of this script; it takes no parameters",
  });
});

test("names are data", () => {
  const given = Object.fromEntries([
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
  expect(Object.entries(resolveParams(undefined, given).env)).toEqual([
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
  expect(placesOf(() => resolveParams(headerOf("@param constructor string"), {}))).toEqual({
    "/params/constructor": "is required",
  });
});

test("sizes are bounded, in bytes", () => {
  const header = headerOf("@param A string", "@param B string?");
  expect(resolveParams(header, { A: "é".repeat(32 * 1024) }).env.A?.length).toBe(32 * 1024);
  expect(placesOf(() => resolveParams(header, { A: "é".repeat(32 * 1024 + 1) }))).toEqual({
    "/params/A": "has 65538 bytes; the limit is 65536",
  });
  const nine = Object.fromEntries(
    Array.from({ length: 9 }, (_, index) => [`A${index}`, "x".repeat(60_000)]),
  );
  expect(Object.keys(placesOf(() => resolveParams(undefined, nine)))).toEqual(["/params"]);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`A${index}`, ""]));
  expect(Object.keys(placesOf(() => resolveParams(undefined, many)))).toEqual(["/params"]);
});

test("a text that is taken arrives byte for byte", () => {
  const header = headerOf("@param A text");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const isRefused = text.includes("\0") || !text.isWellFormed();
      if (isRefused)
        expect(Object.keys(placesOf(() => resolveParams(header, { A: text })))).toEqual([
          "/params/A",
        ]);
      else expect(resolveParams(header, { A: text }).env.A).toBe(text);
    }),
  );
});

describe("reserved names", () => {
  const reserved = [
    "PATH",
    "LD_PRELOAD",
    "BASH_ENV",
    "ENV",
    "IFS",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PERL5OPT",
    "RUBYOPT",
    "PS4",
    "BASH_FUNC_x",
    "DECKHAND_RUN_ID",
    "_",
  ];
  test.each(reserved)("%s", (name) => {
    expect(isReservedName(name)).toBe(true);
    expect(Object.keys(placesOf(() => assertEnvAllowed({ [name]: "x" })))).toEqual([
      `/env/${name}`,
    ]);
  });

  test("leave the others alone", () => {
    expect(() =>
      assertEnvAllowed({ HOME: "/x", PGHOST: "h", TZ: "UTC", lower_case: "" }),
    ).not.toThrow();
    expect(Object.keys(placesOf(() => assertEnvAllowed({ "A=B": "", "": "", A: "\0" })))).toEqual([
      "/env/A=B",
      "/env/",
      "/env/A",
    ]);
  });
});

test("a secret that is too short to be hidden is refused, and one that is nothing is taken", () => {
  const short = () => resolveParams(HEADER, { MODE: "run", TOKEN: " abc\n" });
  expect(short).toThrow(
    "TOKEN has 3 characters without the space around it; a secret needs at least 4",
  );
  expect(resolveParams(HEADER, { MODE: "run", TOKEN: "" }).secrets).toMatchObject({ TOKEN: "" });
});

describe("stored secrets", () => {
  const stored = { name: "db/main", value: "open sesame", isAsked: true };
  const resolve = (secrets: GivenSecrets, params: Record<string, string> = { MODE: "run" }) =>
    resolveParams(HEADER, params, { secrets });

  test("fill their parameter, and show their name only", () => {
    const { env, secrets, shown } = resolve({ TOKEN: stored });
    expect(secrets).toEqual({ TOKEN: "open sesame" });
    expect(shown).toMatchObject({ TOKEN: "••• db/main" });
    expect(JSON.stringify([env, shown])).not.toContain("sesame");
  });

  test("a script without a header takes any", () => {
    const { env, secrets } = resolveParams(undefined, { A: "1" }, { secrets: { B: stored } });
    expect([env, secrets]).toEqual([{ A: "1" }, { B: "open sesame" }]);
  });

  test("all that is wrong is told at once, each at its place", () => {
    const places = placesOf(() =>
      resolveParams(
        HEADER,
        { MODE: "run", TOKEN: "1234" },
        {
          secrets: {
            TOKEN: stored,
            JOBS: stored,
            TOKN: stored,
            constructor: { ...stored, value: undefined },
          },
        },
      ),
    );
    expect(places).toMatchObject({
      "/secrets/TOKEN": "is given twice: as a value, and as a stored secret",
      "/secrets/JOBS": "is no secret parameter; give it in params",
      "/secrets/TOKN": expect.stringContaining("did you mean TOKEN?"),
      "/secrets/constructor": expect.stringContaining("is not a parameter of this script"),
    });
  });

  test("one that is not there is told, asked for or declared", () => {
    const gone = { ...stored, value: undefined };
    expect(() => resolve({ TOKEN: gone })).toThrow(
      "TOKEN is to come from db/main, and there is no stored secret db/main.",
    );
    expect(() => resolve({ TOKEN: { ...gone, isAsked: false } })).toThrow(
      "TOKEN is required, and there is no stored secret db/main.",
    );
  });
});
