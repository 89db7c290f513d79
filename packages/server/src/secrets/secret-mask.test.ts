import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { toForms } from "./secret-forms.ts";
import { HIDE_ALL, secretMask } from "./secret-mask.ts";

/** Few letters, so that secrets overlap, repeat and begin again. */
const secret = fc.string({ unit: fc.constantFrom("a", "b", "="), minLength: 4, maxLength: 9 });
const secrets = fc.array(secret, { minLength: 1, maxLength: 3 });
const piece = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", "=", "\n", "ü"), maxLength: 12 }),
  fc.nat({ max: 2 }),
);

/** Texts that hold secrets, whole and cut off. */
const texts = fc.tuple(secrets, fc.array(piece, { maxLength: 8 })).map(([values, pieces]) => ({
  values,
  text: Buffer.from(
    pieces.map((one) => (typeof one === "number" ? values[one % values.length] : one)).join(""),
  ),
}));

/** Hides each form wherever it is, and what the text ends with when it may be a form's beginning. */
function maskSlowly(values: readonly string[], text: Buffer): string {
  const forms = toForms(values).map((form) => Buffer.from(form));
  const masked = Buffer.from(text);
  for (const form of forms)
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1))
      masked.fill("*", at, at + form.length);
  const open = Array.from(text.keys()).find((at) =>
    forms.some((form) => {
      const rest = text.subarray(at);
      return rest.length < form.length && form.subarray(0, rest.length).equals(rest);
    }),
  );
  if (open !== undefined && text.length - open >= 4) masked.fill("*", open);
  return masked.toString("latin1");
}

function cut(text: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (text.length + 1)), text.length].sort(
    (one, other) => one - other,
  );
  return ends.map((end, index) => text.subarray(ends[index - 1] ?? 0, end));
}

function maskOf(values: readonly string[]) {
  const mask = secretMask(values);
  if (!mask) throw new Error("there is nothing to hide");
  return mask;
}

test("however a text is cut, what comes out is what masking the whole gives, and as long", () => {
  fc.assert(
    fc.property(texts, fc.array(fc.nat(), { maxLength: 12 }), ({ values, text }, places) => {
      const stream = maskOf(values).stream();
      const out = [...cut(text, places).map((bytes) => stream.take(bytes)), stream.release()];
      expect(Buffer.concat(out).toString("latin1")).toBe(maskSlowly(values, text));
    }),
    { numRuns: 1_000 },
  );
});

test("a piece that comes late is hidden but for its first three bytes, and nothing is lost or doubled", () => {
  fc.assert(
    fc.property(texts, fc.array(fc.nat(), { maxLength: 12 }), ({ values, text }, places) => {
      const stream = maskOf(values).stream();
      const out = cut(text, places).flatMap((bytes) => [stream.take(bytes), stream.release()]);
      const masked = Buffer.concat(out);
      expect(masked.length).toBe(text.length);
      const whole = Buffer.from(maskSlowly(values, text), "latin1");
      const leaked = [...masked.keys()].filter((at) => whole[at] === 42 && masked[at] !== 42);
      const runs = leaked.filter((at) => !leaked.includes(at - 1));
      for (const start of runs)
        expect([...leaked].filter((at) => at >= start && at < start + 4).length).toBeLessThan(4);
    }),
    { numRuns: 1_000 },
  );
});

test("a stream that is taken up anywhere hides what is left of a secret that began before", () => {
  fc.assert(
    fc.property(texts, fc.nat(), ({ values, text }, place) => {
      const mask = maskOf(values);
      const whole = Buffer.from(maskSlowly(values, text), "latin1");
      const at = place % (text.length + 1);
      const stored = whole.subarray(0, at);
      const stream = mask.stream(stored.subarray(-mask.longestBytes));
      const rest = Buffer.concat([stream.take(text.subarray(at)), stream.release()]);
      expect(rest.length).toBe(text.length - at);
      for (const [index, byte] of whole.subarray(at).entries())
        if (byte === 42) expect(rest[index]).toBe(42);
    }),
    { numRuns: 1_000 },
  );
});

test("only what may be the beginning of a secret is held back, and never as much as the longest form", () => {
  fc.assert(
    fc.property(texts, ({ values, text }) => {
      const mask = maskOf(values);
      const held = text.length - mask.stream().take(text).length;
      expect(held).toBeLessThan(mask.longestBytes);
    }),
  );
  const stream = maskOf(["hunter2!"]).stream();
  expect(Buffer.from(stream.take(Buffer.from("Password: "))).toString()).toBe("Password: ");
  expect(stream.isHolding).toBe(false);
});

/** What shells and usual programs make of a value. */
const SPELLINGS: readonly (readonly [string, string])[] = [
  ["as it is", 'printf %s "$S"'],
  ["base64", 'printf %s "$S" | base64 -w0'],
  ["base64 with a line end", 'printf "%s\\n" "$S" | base64 -w0'],
  ["base64 of user and password", 'printf %s "ann:$S" | base64 -w0'],
  ["base64 one byte on", 'printf %s "x$S yz" | base64 -w0'],
  ["traced", 'set -x; : "$S"'],
];

const VALUES = ["hunter2!", "pässwörd?/+&=", "it's mine", 'say "hi" \\ now', "a b c d"];

test.each(SPELLINGS)("%s, a value does not come through", (_name, script) => {
  for (const value of VALUES) {
    const { stdout, stderr } = spawnSync("sh", ["-c", script], {
      env: { ...process.env, S: value },
    });
    const said = stdout.toString() + stderr.toString();
    const masked = maskOf([value]).text(said);
    expect(masked).toMatch(/\*{4}/);
    expect(masked).not.toContain(value);
    const shown = masked.replaceAll(/\*+/g, "\n").split("\n");
    // Base64 signs that belong to the neighbours as well may stay.
    for (const rest of shown) expect(rest.length).toBeLessThan(12);
  }
});

test("the forms of URLs and of JSON are hidden", () => {
  for (const value of VALUES) {
    const mask = maskOf([value]);
    const form = new URLSearchParams({ p: value }).toString();
    expect(mask.text(form)).toMatch(/^p=\*+$/);
    expect(mask.text(encodeURIComponent(value).toLowerCase())).toMatch(/^\*+$/);
    expect(mask.text(JSON.stringify({ p: value }))).toMatch(/^\{"p":"\*+"\}$/);
  }
});

/** `it's "pä` and so on, as different programs write it. */
const HOSTILE = `it's "pä\u00df" a/b+<c>~*\n\u{1f511}!`;

test.each([
  ["Python's json", String.raw`it's \"p\u00e4\u00df\" a/b+<c>~*\n\ud83d\udd11!`],
  ["PHP's json_encode", String.raw`it's \"p\u00e4\u00df\" a\/b+<c>~*\n\ud83d\udd11!`],
  ["Go's encoding/json", String.raw`it's \"päß\" a/b+\u003cc\u003e~*\n🔑!`],
  ["JSON with large digits", String.raw`it's \"p\u00E4\u00DF\" a/b+<c>~*\n\uD83D\uDD11!`],
  ["Python's quote", "it%27s%20%22p%C3%A4%C3%9F%22%20a/b%2B%3Cc%3E~%2A%0A%F0%9F%94%91%21"],
  ["Python's quote_plus", "it%27s+%22p%C3%A4%C3%9F%22+a%2Fb%2B%3Cc%3E~%2A%0A%F0%9F%94%91%21"],
  ["JavaScript's URLs", "it's%20%22p%C3%A4%C3%9F%22%20a%2Fb%2B%3Cc%3E~*%0A%F0%9F%94%91!"],
  ["Java's URLEncoder", "it%27s+%22p%C3%A4%C3%9F%22+a%2Fb%2B%3Cc%3E%7E*%0A%F0%9F%94%91%21"],
  ["curl", "it%27s%20%22p%C3%A4%C3%9F%22%20a%2Fb%2B%3Cc%3E~%2A%0A%F0%9F%94%91%21"],
  ["bash", `it'\\''s "päß" a/b+<c>~*\n🔑!`],
  ["dash and Python's shlex", `it'"'"'s "päß" a/b+<c>~*\n🔑!`],
])("a value with all kinds of signs is hidden as %s writes it", (_name, written) => {
  const text = Buffer.from(`<${written}>`);
  const masked = maskOf([HOSTILE]).text(text.toString());
  expect(masked).toBe(`<${"*".repeat(text.length - 2)}>`);
});

test("the lines of a secret are hidden one by one, but for short ones", () => {
  const key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n{\nkqhkiG9w0BAQEF\n-----END KEY-----\n";
  const mask = maskOf([key]);
  expect(mask.text("MIIEvQIBADANBg\r\n  {\n  kqhkiG9w0BAQEF;")).toBe(
    "**************\r\n  {\n  **************;",
  );
  expect(mask.text(key)).toBe("*".repeat(key.length));
});

test("a long secret is hidden without holding much back", () => {
  const long = Array.from({ length: 2_000 }, (_, index) => (index * 7919).toString(36)).join("-");
  const mask = maskOf([long]);
  expect(mask.longestBytes).toBe(64);
  expect(mask.text(`<${long}>`)).toBe(`<${"*".repeat(long.length)}>`);
});

test("nothing to hide is no mask, and shorter than four bytes is nothing to hide", () => {
  expect(secretMask([])).toBeUndefined();
  expect(secretMask(["", "abc"])).toBeUndefined();
});

test("where the secrets are gone nothing but line ends is shown", () => {
  const stream = HIDE_ALL.stream();
  expect(Buffer.from(stream.take(Buffer.from("a secret\nfür")))).toEqual(
    Buffer.from("********\n****"),
  );
  expect(HIDE_ALL.text("a secret")).toBe("* ******");
});

test("a flood of output with a thousand secrets is no quadratic work", () => {
  const values = Array.from({ length: 1_000 }, (_, index) => `secret-number-${index}-of-many`);
  const stream = maskOf(values).stream();
  const flood = Buffer.from("secret-number-secret-number-9".repeat(40_000));
  expect(stream.take(flood).length).toBeGreaterThan(flood.length - 64);
}, 60_000);
