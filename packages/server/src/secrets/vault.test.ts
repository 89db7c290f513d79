import { randomBytes } from "node:crypto";
import { isAppError } from "@deckhand/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { KEY_BYTES, vault } from "./vault.ts";

const key = randomBytes(KEY_BYTES);
const place = "secret/db/main";

/** A surrogate without its half has no UTF-8 form, so no request can hold one. */
const text = fc.string({ unit: "grapheme", maxLength: 200 });

function codeOf(act: () => unknown): string {
  try {
    return `no error: ${String(act())}`;
  } catch (error) {
    return isAppError(error) ? error.code : String(error);
  }
}

test("any text is opened again for its place", () => {
  fc.assert(
    fc.property(text, text, (secret, context) => {
      const sealed = vault(key).seal(secret, context);
      expect(vault(key).open(sealed, context)).toBe(secret);
    }),
  );
});

test("what is sealed twice looks different, and shows nothing of the text", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8 }), (secret) => {
      const { seal } = vault(key);
      const sealed = seal(secret, place);
      expect(seal(secret, place)).not.toBe(sealed);
      expect(sealed).not.toContain(Buffer.from(secret).toString("base64url"));
      expect(sealed.slice("v1.00000000.".length)).not.toContain(secret);
    }),
  );
});

test("it is not opened for another place", () => {
  fc.assert(
    fc.property(text, text, text, (secret, context, other) => {
      fc.pre(context !== other);
      const sealed = vault(key).seal(secret, context);
      expect(codeOf(() => vault(key).open(sealed, other))).toBe("SECRETS_UNREADABLE");
    }),
  );
});

test("a change of any one byte is seen", () => {
  const flip = fc.record({ at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) });
  fc.assert(
    fc.property(text, flip, (secret, { at, bit }) => {
      const [version, name, data = ""] = vault(key).seal(secret, place).split(".");
      const bytes = Buffer.from(data, "base64url");
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
      const tampered = [version, name, bytes.toString("base64url")].join(".");
      expect(codeOf(() => vault(key).open(tampered, place))).toBe("SECRETS_UNREADABLE");
    }),
  );
});

test("any other text is refused, and nothing of it is told", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        text.map((end) => `v1.00000000.${end}`),
      ),
      (sealed) => {
        expect(codeOf(() => vault(key).open(sealed, place))).toBe("SECRETS_UNREADABLE");
      },
    ),
  );
});

test("another key is named as the cause", () => {
  const sealed = vault(randomBytes(KEY_BYTES)).seal("hunter2!", place);
  expect(() => vault(key).open(sealed, place)).toThrow(
    /The secret of secret\/db\/main was sealed with another key \([0-9a-f]{8}, not [0-9a-f]{8}\)/,
  );
});

test("a key that claims the other's name opens nothing", () => {
  const sealed = vault(randomBytes(KEY_BYTES)).seal("hunter2!", place);
  const [, name] = vault(key).seal("", place).split(".");
  const renamed = sealed.replace(/\.[0-9a-f]{8}\./, `.${name}.`);
  expect(() => vault(key).open(renamed, place)).toThrow("was changed, or belongs elsewhere");
});
