import fc, { type Arbitrary } from "fast-check";

const HOSTILE_TEXTS = [
  "",
  " ",
  "\u0000",
  "\ud800",
  "\ufeff",
  "\u202e",
  "\r\nX-Evil: 1",
  "\u001b]0;x\u0007",
  "é".repeat(300),
  "𝕏",
  "../../etc/passwd",
  "..%2f..%2f",
  "/",
  "//",
  ".",
  "..",
  "%",
  "%zz",
  "%00",
  "C:\\",
  "file:///etc/passwd",
  "~",
  "$(id)",
  "`id`",
  "; id",
  "| id",
  "&& id",
  "-rf",
  "--",
  "'",
  '"',
  "'; drop table runs; --",
  "\\",
  "\\u0000",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "then",
  "length",
  "-1",
  "0",
  "1e309",
  "NaN",
  "Infinity",
  "0x10",
  "9007199254740993",
  "null",
  "undefined",
  "true",
  "[]",
  "{}",
  "<script>alert(1)</script>",
  "{{7*7}}",
  "${7*7}",
  "*",
  "?",
  "[",
  "(",
  "a=b=c",
  "label=",
  "=",
  ",",
  "name=*,",
  "x".repeat(5_000),
];

/** Texts that have broken programs before, and any others. */
export const hostileText: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 100 }) },
);

export const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom(null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, [], {}, [[]], { __proto__x: 1 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.array(hostileText, { maxLength: 120 }),
);

export interface Mutation {
  /** Where to go down, as far as the value is deep. */
  readonly steps: readonly number[];
  readonly kind: "replace" | "delete" | "add";
  readonly key: string;
  readonly value: unknown;
}

export const mutation: Arbitrary<Mutation> = fc.record({
  steps: fc.array(fc.nat(20), { maxLength: 4 }),
  kind: fc.constantFrom("replace", "delete", "add"),
  key: hostileText,
  value: hostileValue,
});

/** Changes one place of a value. */
export function mutate(value: unknown, { steps, kind, key, value: other }: Mutation): unknown {
  if (value === null || typeof value !== "object") return other;
  const names = Object.keys(value);
  const [step, ...rest] = steps;
  if (kind === "add" && (step === undefined || names.length === 0))
    return withOwn(value, key, other);
  if (step === undefined || names.length === 0) return other;
  const name = names[step % names.length] ?? "";
  const inner = (value as Record<string, unknown>)[name];
  if (kind === "delete" && rest.length === 0) return without(value, name);
  return withOwn(value, name, mutate(inner, { steps: rest, kind, key, value: other }));
}

function withOwn(value: object, name: string, inner: unknown): unknown {
  const copy = Array.isArray(value) ? [...value] : { ...value };
  Object.defineProperty(copy, name === "length" ? "length_" : name, {
    value: inner,
    enumerable: true,
    configurable: true,
    writable: true,
  });
  return copy;
}

function without(value: object, name: string): unknown {
  if (Array.isArray(value)) return value.filter((_, index) => String(index) !== name);
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
}
