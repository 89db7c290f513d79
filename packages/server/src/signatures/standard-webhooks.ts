import { createHmac, timingSafeEqual } from "node:crypto";

/** Standard Webhooks 1.0.0: https://www.standardwebhooks.com */
export interface SignedMessage {
  readonly id: string;
  /** Seconds since 1970, in decimal digits. */
  readonly timestamp: string;
  readonly body: Uint8Array | string;
}

const PREFIX = "whsec_";

/** Reads the bytes of a `whsec_` secret. */
export function secretBytes(secret: string): Buffer {
  return Buffer.from(secret.slice(PREFIX.length), "base64");
}

/** What goes into the header `webhook-signature`. */
export function signMessage(secret: string, message: SignedMessage): string {
  return `v1,${macOf(secret, message).toString("base64")}`;
}

/** Tells whether one of the header's signatures is the secret's; each is compared in constant time. */
export function isSignedBy(secret: string, message: SignedMessage, header: string): boolean {
  const expected = macOf(secret, message);
  const given = header.split(" ").filter((one) => one.startsWith("v1,"));
  return given.map((one) => isSame(expected, one.slice(3), "base64")).includes(true);
}

function macOf(secret: string, { id, timestamp, body }: SignedMessage): Buffer {
  return createHmac("sha256", secretBytes(secret))
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest();
}

/** Only the canonical spelling counts, so that one signature has one form. */
export function isSame(expected: Buffer, given: string, encoding: "base64" | "hex"): boolean {
  const form = Buffer.from(expected.toString(encoding));
  const other = Buffer.from(given);
  return form.length === other.length && timingSafeEqual(form, other);
}
