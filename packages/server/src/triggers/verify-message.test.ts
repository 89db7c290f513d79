import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { signMessage } from "../signatures/standard-webhooks.ts";
import { type RawMessage, type Signing, verifyMessage } from "./verify-message.ts";

const NOW_MS = 1_795_894_932_135;
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const standard: Signing = { scheme: "standard", secret: SECRET, tolerance: "5m" };
const hub: Signing = { scheme: "github", secret: "It's a Secret to Everybody", tolerance: "5m" };
const bytes = fc.uint8Array({ maxLength: 200 });
const id = fc.stringMatching(/^[!-~]{1,40}$/);

function signed(
  body: Uint8Array,
  { id = "msg_1", atMs = NOW_MS, secret = SECRET } = {},
): RawMessage {
  const timestamp = String(Math.floor(atMs / 1_000));
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signMessage(secret, { id, timestamp, body }),
  };
  return { headers, body };
}

function hubSigned(body: Uint8Array, secret = hub.secret): RawMessage {
  const mac = createHmac("sha256", secret).update(body).digest("hex");
  return { headers: { "x-hub-signature-256": `sha256=${mac}` }, body };
}

test("the examples that the two schemes publish are taken", () => {
  const body = Buffer.from('{"test": 2432232314}');
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const atMs = 1_614_265_330_000;
  expect(verifyMessage(standard, { headers, body }, atMs)).toBe("msg_p5jXN8AQM9LWM0D4loKWxJek");
  const known = {
    "x-hub-signature-256":
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
  };
  const hello = Buffer.from("Hello, World!");
  expect(verifyMessage(hub, { headers: known, body: hello }, atMs)).toMatch(/^[0-9a-f]{64}$/);
});

test("what is signed is taken, by the id that it came with", () => {
  fc.assert(
    fc.property(bytes, id, fc.integer({ min: -299_000, max: 299_000 }), (body, given, awayMs) => {
      const message = signed(body, { id: given, atMs: NOW_MS + awayMs });
      expect(verifyMessage(standard, message, NOW_MS)).toBe(given);
    }),
  );
});

test("one bit of body, id, time or signature that is another, and nothing is taken", () => {
  fc.assert(
    fc.property(
      bytes,
      fc.constantFrom(
        "body",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-hub-signature-256",
      ),
      fc.nat(),
      fc.integer({ min: 0, max: 7 }),
      (body, part, at, bit) => {
        const signing = part.startsWith("x-") ? hub : standard;
        const whole = part.startsWith("x-") ? hubSigned(body) : signed(body);
        const flip = (given: Uint8Array) => {
          const copy = Uint8Array.from(given.length > 0 ? given : [0]);
          const place = at % copy.length;
          copy[place] = (copy[place] ?? 0) ^ (1 << bit);
          return copy;
        };
        const changed =
          part === "body"
            ? { ...whole, body: flip(body) }
            : {
                ...whole,
                headers: {
                  ...whole.headers,
                  [part]: Buffer.from(
                    flip(Buffer.from(String(whole.headers[part]), "latin1")),
                  ).toString("latin1"),
                },
              };
        expect(verifyMessage(signing, changed, NOW_MS)).toBeUndefined();
      },
    ),
  );
});

test("any headers, any body: nothing is thrown and nothing is taken", () => {
  const text = fc.string({ unit: "binary", maxLength: 80 });
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256"];
  const headers = fc.dictionary(fc.constantFrom(...names), fc.oneof(text, fc.array(text)));
  fc.assert(
    fc.property(headers, bytes, fc.constantFrom(standard, hub), (given, body, signing) => {
      expect(verifyMessage(signing, { headers: given, body }, NOW_MS)).toBeUndefined();
    }),
  );
});

test.each([
  ["too old", { atMs: NOW_MS - 301_000 }],
  ["from the future", { atMs: NOW_MS + 301_000 }],
  ["by another secret", { secret: `whsec_${Buffer.alloc(24, 1).toString("base64")}` }],
])("what is signed %s is not taken", (_, given) => {
  expect(verifyMessage(standard, signed(Buffer.from("{}"), given), NOW_MS)).toBeUndefined();
});

test("while a secret is changed, one of two signatures is enough", () => {
  const body = Buffer.from("{}");
  const { headers } = signed(body);
  const other = signed(body, { secret: `whsec_${Buffer.alloc(24, 1).toString("base64")}` }).headers;
  const both = [other["webhook-signature"], "v1a,AAAA", headers["webhook-signature"]].join(" ");
  const message = { headers: { ...headers, "webhook-signature": both }, body };
  expect(verifyMessage(standard, message, NOW_MS)).toBe("msg_1");
});

test("a scheme's message is nothing to the other one", () => {
  const body = Buffer.from("{}");
  expect(verifyMessage(hub, signed(body), NOW_MS)).toBeUndefined();
  expect(verifyMessage(standard, hubSigned(body), NOW_MS)).toBeUndefined();
});
