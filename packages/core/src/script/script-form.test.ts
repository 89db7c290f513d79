import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ParamValue } from "../contract/run.ts";
import { isAppError } from "../errors.ts";
import { parseScriptHeader } from "./parse-script-header.ts";
import { resolveParams } from "./resolve-params.ts";
import { toScriptForm } from "./script-form.ts";

function headerOf(...lines: readonly string[]) {
  const { header, problems } = parseScriptHeader(
    ["# @deckhand 1", ...lines.map((line) => `# ${line}`)].join("\n"),
    "x.sh",
  );
  expect(problems).toEqual([]);
  return header;
}

const ajv = new Ajv2020({ strict: true, formats: { date: true, password: true } });

function isAccepted(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (isAppError(error, "PARAM_INVALID")) return false;
    throw error;
  }
}

test("the form of a script is a JSON Schema, and its fields in order with words for people", () => {
  const header = headerOf(
    "@param TABLE_NAME string(1..63)? -- schema-qualified table; empty = all",
    "@param FULL bool = no -- rewrite the table (locks it)",
    "@param JOBS int(1..8) = 02 -- parallel workers",
    "@param MODE choice(plan|run) = run",
    "@param SHOW choices(size|ttl) = size,ttl",
    "@param AGE duration",
    "@param CONFIG file? -- its settings",
    "@secret PGPASSWORD",
    "@secret TOKEN from=api/token",
  );
  const { fields, schema } = toScriptForm(header);
  expect(fields.map(({ label }) => label).join()).toBe(
    "Table name,Full,Jobs,Mode,Show,Age,Config,Pgpassword,Token",
  );
  expect(schema).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
    required: ["AGE", "PGPASSWORD"],
    properties: {
      TABLE_NAME: {
        type: "string",
        minLength: 1,
        maxLength: 63,
        description: "schema-qualified table; empty = all",
      },
      FULL: { type: "boolean", default: false, description: "rewrite the table (locks it)" },
      JOBS: { type: "integer", minimum: 1, maximum: 8, default: 2 },
      MODE: { enum: ["plan", "run"], default: "run" },
      SHOW: { type: "array", items: { enum: ["size", "ttl"] }, default: ["size", "ttl"] },
      CONFIG: { type: "string", contentMediaType: "text/plain", description: "its settings" },
      PGPASSWORD: { type: "string", writeOnly: true },
    },
  });
});

test("a script without a header takes anything", () => {
  const { header } = parseScriptHeader("#!/bin/sh\ntrue\n", "x.sh");
  expect(toScriptForm(header)).toMatchObject({
    fields: [],
    schema: { additionalProperties: true },
  });
});

const small = fc.integer({ min: -3, max: 12 });
const digits = fc.nat({ max: 9_999 }).map(String);
const unit = fc.constantFrom("ms", "s", "m", "h", "d", "y", " s");
const year = fc.constantFrom("1900", "2000", "2023", "2024", "0000", "0004", "9999");
const twoDigits = fc.nat({ max: 33 }).map((count) => String(count).padStart(2, "0"));
const text = fc.string({
  unit: fc.constantFrom("a", "é", "😀", " ", "\n", "\0", "'"),
  maxLength: 7,
});

/** A declaration, and values of its type in JSON; some of them fit. */
const DECLARED: readonly (readonly [string, fc.Arbitrary<ParamValue>])[] = [
  ["@param A string(1..5)", text],
  ["@param A text(2..)", text],
  ["@param A text", text],
  ["@param A file", fc.oneof(text, fc.nat())],
  ["@param A file(2..4)", text],
  ["@param A int(1..8)", small],
  ["@param A int", fc.oneof(small, fc.constantFrom(2 ** 53, -(2 ** 53), 1.5, 1e300))],
  [
    "@param A number(-1..2.5)",
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -4, max: 4 }),
  ],
  ["@param A bool", fc.boolean()],
  ['@param A choice(a|"b c")', fc.constantFrom("a", "b c", "b", "")],
  ["@param A choices(a|b)", fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 4 })],
  ["@param A date", fc.tuple(year, twoDigits, twoDigits).map((parts) => parts.join("-"))],
  [
    "@param A duration",
    fc
      .array(
        fc.tuple(digits, unit).map((parts) => parts.join("")),
        { maxLength: 3 },
      )
      .map((parts) => parts.join("")),
  ],
  [
    "@param A json",
    fc.oneof(
      fc.json(),
      fc.json().map((json) => `${json}\0`),
    ),
  ],
  ["@secret A", text],
];

test.each(DECLARED)("for %s the form and the server take the same values", (line, values) => {
  const header = headerOf(line);
  const accepts = ajv.compile(toScriptForm(header).schema);
  const seen = { true: 0, false: 0 };
  fc.assert(
    fc.property(fc.option(values, { nil: undefined, freq: 20 }), (value) => {
      const params = value === undefined ? {} : { A: value };
      const expected = isAccepted(() => resolveParams(header, params));
      seen[`${expected}`]++;
      expect(accepts(params)).toBe(expected);
    }),
    { numRuns: 500 },
  );
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(0);
});

test("what the server makes of any text that it takes fits the form too", () => {
  const header = headerOf(
    "@param I int(1..8)?",
    "@param N number?",
    "@param B bool?",
    "@param C choices(a|b)?",
  );
  const accepts = ajv.compile(toScriptForm(header).schema);
  const typed = fc.constantFrom(
    "1",
    "08",
    "+3",
    "9",
    ".5",
    "1e3",
    "yes",
    "OFF",
    "0",
    "a, b",
    "a",
    "",
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("I", "N", "B", "C"), typed), (params) => {
      if (!isAccepted(() => resolveParams(header, params))) return;
      expect(accepts({ ...resolveParams(header, params).shown })).toBe(true);
    }),
  );
});
