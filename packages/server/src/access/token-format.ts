import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { ID_PREFIX } from "@deckhand/core";
import { newId } from "../ids/new-id.ts";

const TOKEN = /^dh_([0-9a-z]{26})_([A-Za-z0-9_-]{43})$/;

export interface TokenParts {
  readonly tokenId: string;
  readonly secret: string;
}

/** A new token: what the caller shows, and what is kept of it. */
export interface NewToken {
  readonly id: string;
  /** The whole text: `dh_`, the id, 256 random bits. */
  readonly text: string;
  readonly secretHash: string;
}

export function newToken(nowMs: number): NewToken {
  const id = newId("token", nowMs);
  const secret = randomBytes(32).toString("base64url");
  return {
    id,
    text: `dh_${id.slice(ID_PREFIX.token.length)}_${secret}`,
    secretHash: hashSecret(secret),
  };
}

/** Takes a token's text apart; undefined when it is none. */
export function parseToken(text: string): TokenParts | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id && secret ? { tokenId: ID_PREFIX.token + id, secret } : undefined;
}

/** A plain hash is enough for 256 random bits: nobody can try them all. */
function hashSecret(secret: string): string {
  return hash("sha256", secret, "hex");
}

/** Compares in constant time. */
export function isSecretOf(secretHash: string, secret: string): boolean {
  return timingSafeEqual(Buffer.from(secretHash, "hex"), Buffer.from(hashSecret(secret), "hex"));
}
