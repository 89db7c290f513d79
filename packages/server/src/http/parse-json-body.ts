import { AppError, explainJsonError } from "@deckhand/core";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
/** A copy of an object with this key would get another prototype; it may be written with escapes. */
const FORBIDDEN_KEY = "__proto__";
const MAY_HOLD_FORBIDDEN_KEY = /__proto__|\\u00/;

/** Reads a JSON body; an empty one is undefined. Bytes that are no UTF-8 are refused, never replaced. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  const text = decode(bytes);
  try {
    return JSON.parse(text, MAY_HOLD_FORBIDDEN_KEY.test(text) ? refuseForbiddenKey : undefined);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw invalid(`The body is not valid JSON: ${explainJsonError(error)}.`, error);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    throw invalid("The body is not valid UTF-8.", error);
  }
}

function refuseForbiddenKey(key: string, value: unknown): unknown {
  if (key === FORBIDDEN_KEY)
    throw invalid(`The body has a field named ${key}, which is not allowed.`);
  return value;
}

function invalid(detail: string, cause?: unknown): AppError {
  return new AppError("BODY_INVALID", { detail, hint: "Send one JSON value in UTF-8.", cause });
}
