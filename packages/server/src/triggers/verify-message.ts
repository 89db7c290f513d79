import { createHmac } from "node:crypto";
import { parseDurationMs, type SignatureScheme } from "@deckhand/core";
import { isSame, isSignedBy } from "../signatures/standard-webhooks.ts";

/** A message as it came: its headers in small letters, and its bytes. */
export interface RawMessage {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

export interface Signing {
  readonly scheme: SignatureScheme;
  readonly secret: string;
  readonly tolerance: string;
}

/** Gives what the message is known by when it comes again; undefined when the secret's holder has not sent it, or not lately. */
export function verifyMessage(
  signing: Signing,
  message: RawMessage,
  nowMs: number,
): string | undefined {
  return signing.scheme === "github"
    ? verifyHub(signing, message)
    : verifyStandard(signing, message, nowMs);
}

const MESSAGE_ID = /^[\x21-\x7e]{1,256}$/;
const SECONDS = /^\d{1,11}$/;

function verifyStandard(
  { secret, tolerance }: Signing,
  { headers, body }: RawMessage,
  nowMs: number,
): string | undefined {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(
    (name) => toText(headers[name]),
  ) as [string, string, string];
  const isTrue = isSignedBy(secret, { id, timestamp, body }, signatures);
  const awayMs = Math.abs(nowMs - Number(timestamp) * 1_000);
  const isLate = !SECONDS.test(timestamp) || awayMs > parseDurationMs(tolerance);
  return isTrue && !isLate && MESSAGE_ID.test(id) ? id : undefined;
}

/**
 * The signature is of the bytes alone, so it is what they are known by; whatever else comes along may be made up. A hash
 * without a key could be used to guess what is in them.
 */
function verifyHub({ secret }: Signing, { headers, body }: RawMessage): string | undefined {
  const given = toText(headers["x-hub-signature-256"]);
  const mac = createHmac("sha256", secret).update(body).digest();
  const isTrue = isSame(mac, given.startsWith("sha256=") ? given.slice(7) : "", "hex");
  return isTrue ? mac.toString("hex") : undefined;
}

function toText(header: string | readonly string[] | undefined): string {
  return typeof header === "string" ? header : "";
}
