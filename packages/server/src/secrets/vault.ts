import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { AppError } from "@deckhand/core";

export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";
const FORM = /^v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/;

/** Seals what must not be readable where it is kept. */
export interface Vault {
  /** Encrypts a text for one place, such as `run/ID`: it can be opened for that place only. */
  seal(text: string, context: string): string;
  /** Gives the text back; refuses what was changed, sealed for another place or by another key with SECRETS_UNREADABLE. */
  open(sealed: string, context: string): string;
  /** The same for the same text, and of no use to guess it without the key. */
  digest(text: string): string;
}

export function vault(key: Uint8Array): Vault {
  const name = toKeyName(key);
  return {
    seal: (text, context) => `v1.${name}.${encrypt(key, text, context).toString("base64url")}`,
    open: (sealed, context) => {
      const [, keyName, data = ""] = FORM.exec(sealed) ?? [];
      if (keyName === undefined) throw unreadable("is damaged", context);
      if (keyName !== name)
        throw unreadable(`was sealed with another key (${keyName}, not ${name})`, context);
      return decrypt(key, Buffer.from(data, "base64url"), context);
    },
    digest: (text) =>
      createHmac("sha256", key).update("deckhand digest\0").update(text).digest("hex"),
  };
}

/** Tells keys apart and nothing else of them. */
function toKeyName(key: Uint8Array): string {
  return createHmac("sha256", key).update("deckhand key name").digest("hex").slice(0, 8);
}

function encrypt(key: Uint8Array, text: string, context: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, sealed: Buffer, context: string): string {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw unreadable("is damaged", context);
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const body = sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
  } catch (error) {
    throw unreadable("was changed, or belongs elsewhere", context, error);
  }
}

function unreadable(what: string, context: string, cause?: unknown): AppError {
  return new AppError("SECRETS_UNREADABLE", {
    detail: `The secret of ${context} ${what}.`,
    hint: "Bring back the key file that it was sealed with (secrets.keyFile), or set the secret again.",
    cause,
  });
}
