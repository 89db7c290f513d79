import { AppError, isAppError } from "@deckhand/core";
import { findTag } from "./read-xml.ts";

/** What the store says, in words and with what to do about it. */
const WORDS_BY_CODE: Readonly<Record<string, readonly [problem: string, hint: string]>> = {
  AccessDenied: [
    "does not allow it",
    "The credentials need to list the bucket, and to read, write and delete its objects.",
  ],
  SignatureDoesNotMatch: ["does not know the credentials", "Look at the secret access key."],
  InvalidAccessKeyId: ["does not know the credentials", "Look at the access key id."],
  ExpiredToken: ["says that the session token is out of date", "Put new credentials into place."],
  NoSuchBucket: ["has no such bucket", "Make the bucket, or look at scripts.s3.bucket."],
  PermanentRedirect: ["is not where the bucket is", "Look at scripts.s3.endpoint and region."],
  AuthorizationHeaderMalformed: ["expects another region", "Look at scripts.s3.region."],
  RequestTimeTooSkewed: ["has another time than this machine", "Set this machine's clock."],
  NotImplemented: [
    "does not know conditional writes",
    "Use a store that checks If-Match and If-None-Match when objects are written.",
  ],
  SlowDown: ["asks for fewer requests", "Wait a little."],
};

const USUAL_HINT = "See `scripts.s3` in the configuration, and whether the store is up.";

/** Translates an answer that is none of those the caller knows. */
export function toAnswerError(
  what: string,
  { status, body }: { readonly status: number; readonly body: Uint8Array },
): AppError {
  const code = findTag(Buffer.from(body).toString("utf8"), "Code") ?? codeOfStatus(status);
  const words = Object.hasOwn(WORDS_BY_CODE, code) ? WORDS_BY_CODE[code] : undefined;
  const [problem, hint] = words ?? [`answers ${status}`, USUAL_HINT];
  const shown = /^[A-Za-z]{1,64}$/.test(code) ? `${status} ${code}` : `${status}`;
  return storeError(`${what} failed: the store ${problem} (${shown}).`, { hint });
}

/** An answer to HEAD has no body that could say more. */
function codeOfStatus(status: number): string {
  return status === 403 ? "AccessDenied" : status === 501 ? "NotImplemented" : "";
}

/** Translates what the network throws. */
export function toConnectionError(what: string, error: unknown): unknown {
  if (isAppError(error)) return error;
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  const isTimeout = name === "TimeoutError" || name === "AbortError";
  const why = isTimeout ? "no answer in time" : typeof code === "string" ? code : "no connection";
  return storeError(`${what} failed: the store can not be reached (${why}).`, { cause: error });
}

/** The one refusal of everything that goes wrong with the store. */
export function storeError(
  detail: string,
  { hint = USUAL_HINT, cause }: { readonly hint?: string; readonly cause?: unknown } = {},
): AppError {
  return new AppError("SCRIPT_STORE_UNAVAILABLE", {
    detail,
    hint,
    extra: { retryAfterSeconds: 5 },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function isStoreError(error: unknown): error is AppError {
  return isAppError(error, "SCRIPT_STORE_UNAVAILABLE");
}
