import { AppError, ERROR_CATALOG, type ErrorCode, isAppError, type Problem } from "@deckhand/core";

/** What the framework throws before a handler of ours is reached, and how we say it. */
const FRAMEWORK_ERRORS: Readonly<
  Record<string, { readonly code: ErrorCode; readonly detail: string }>
> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: "BODY_TOO_LARGE",
    detail: "The body is larger than this server accepts.",
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: "CONTENT_TYPE_INVALID",
    detail: "The body's content type is not read here.",
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: "REQUEST_INVALID",
    detail: "The body is not as long as Content-Length says.",
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: "BODY_INVALID", detail: "The body is empty." },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: "BODY_INVALID", detail: "The body is not valid JSON." },
  FST_ERR_BAD_URL: { code: "PATH_INVALID", detail: "The path can not be decoded." },
  FST_ERR_MAX_PARAM_LENGTH: { code: "PATH_INVALID", detail: "A part of the path is too long." },
  FST_ERR_ROUTE_DUPLICATED_HEADERS: { code: "HEADER_INVALID", detail: "A header is given twice." },
};

const HINTS: Partial<Record<ErrorCode, string>> = {
  BODY_TOO_LARGE: "Send less, or raise limits.bodyBytes in the server's configuration.",
  CONTENT_TYPE_INVALID: "Send JSON with the header Content-Type: application/json.",
};

/** Gives the error of ours for anything that was thrown; what nobody foresaw becomes INTERNAL without its text. */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  const known = FRAMEWORK_ERRORS[(error as { code?: string } | undefined)?.code ?? ""];
  if (!known) return new AppError("INTERNAL", { ...INTERNAL, cause: error });
  return new AppError(known.code, {
    detail: known.detail,
    hint: HINTS[known.code] ?? "",
    cause: error,
  });
}

const INTERNAL = {
  detail: "The server met an error that it did not expect.",
  hint: "The server's log has the details under the request id.",
};

/** The problem document of an error; members of `extra` never replace the standard ones. */
export function toProblem(error: AppError, requestId: string): Problem {
  return {
    ...error.extra,
    type: `/docs/errors/${error.code}`,
    title: ERROR_CATALOG[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(error.hint ? { hint: error.hint } : {}),
    ...(error.errors.length > 0 ? { errors: [...error.errors] } : {}),
    requestId,
  };
}
