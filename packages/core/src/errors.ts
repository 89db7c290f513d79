/** What went wrong, in the classes that decide the HTTP status and the exit code of the command line. */
export const STATUS_BY_CLASS = {
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  "not-found": 404,
  conflict: 409,
  unprocessable: 422,
  limited: 429,
  "method-not-allowed": 405,
  "too-large": 413,
  "media-type": 415,
  unavailable: 503,
  internal: 500,
} as const;

export type ErrorClass = keyof typeof STATUS_BY_CLASS;

interface CatalogEntry {
  readonly class: ErrorClass;
  readonly title: string;
}

/** Every refusal of ours; each code has a section of the same name in docs/errors.md. */
export const ERROR_CATALOG = {
  BODY_INVALID: { class: "invalid", title: "The request body is not valid" },
  QUERY_INVALID: { class: "invalid", title: "The query string is not valid" },
  PATH_INVALID: { class: "invalid", title: "A part of the path is not valid" },
  HEADER_INVALID: { class: "invalid", title: "A header is not valid" },
  SELECTOR_INVALID: { class: "invalid", title: "The selector can not be read" },
  CURSOR_INVALID: { class: "invalid", title: "The cursor is not one of ours" },
  REQUEST_INVALID: { class: "invalid", title: "The request can not be read" },
  TOKEN_MISSING: { class: "unauthenticated", title: "A token is needed" },
  SIGNATURE_INVALID: {
    class: "unauthenticated",
    title: "The message is not signed as it has to be",
  },
  TOKEN_INVALID: { class: "unauthenticated", title: "The token is not valid" },
  ACTION_DENIED: { class: "denied", title: "This token may not do that" },
  HOST_DENIED: { class: "denied", title: "The Host header is not allowed" },
  ORIGIN_DENIED: { class: "denied", title: "The Origin header is not allowed" },
  ROUTE_NOT_FOUND: { class: "not-found", title: "There is nothing at this address" },
  METHOD_NOT_ALLOWED: {
    class: "method-not-allowed",
    title: "This address does not know the method",
  },
  RUN_NOT_FOUND: { class: "not-found", title: "There is no such run" },
  EXECUTION_NOT_FOUND: { class: "not-found", title: "There is no such execution" },
  OUTPUT_EXPIRED: { class: "not-found", title: "The output is not kept any more" },
  SCRIPT_NOT_FOUND: { class: "not-found", title: "There is no such script" },
  TARGET_NOT_FOUND: { class: "not-found", title: "There is no such target" },
  TERMINAL_NOT_FOUND: { class: "not-found", title: "There is no such terminal" },
  SECRET_NOT_FOUND: { class: "not-found", title: "There is no such stored secret" },
  TOKEN_NOT_FOUND: { class: "not-found", title: "There is no such token" },
  DEFINITION_NOT_FOUND: { class: "not-found", title: "There is nothing of this name" },
  DELIVERY_NOT_FOUND: { class: "not-found", title: "There is no such delivery" },
  ENGINE_NOT_FOUND: { class: "not-found", title: "There is no such engine" },
  SCRIPT_EXISTS: { class: "conflict", title: "A script of this name exists" },
  DEFINITION_EXISTS: { class: "conflict", title: "The name is taken" },
  DEFINITION_IN_USE: { class: "conflict", title: "Something else refers to it" },
  VERSION_CONFLICT: { class: "conflict", title: "Somebody else changed it first" },
  RUN_STATE_CONFLICT: { class: "conflict", title: "The run is not in a state that allows this" },
  TARGET_STATE_CONFLICT: {
    class: "conflict",
    title: "The container is not in a state that allows this",
  },
  IDEMPOTENCY_IN_FLIGHT: {
    class: "conflict",
    title: "The first request with this key is still going on",
  },
  SCHEDULE_READ_ONLY: { class: "conflict", title: "The schedule comes from labels" },
  LAST_TOKEN: { class: "conflict", title: "The last token can not be removed" },
  IDEMPOTENCY_MISMATCH: { class: "unprocessable", title: "This key was used with another request" },
  PARAM_INVALID: { class: "unprocessable", title: "A parameter is not valid" },
  ENV_INVALID: { class: "unprocessable", title: "An environment variable is not allowed" },
  SCRIPT_INVALID: { class: "unprocessable", title: "The script is not valid" },
  SCRIPT_NAME_INVALID: { class: "unprocessable", title: "The script's name is not valid" },
  INTERPRETER_UNKNOWN: { class: "unprocessable", title: "No interpreter is known for this script" },
  GROUP_CYCLE: { class: "unprocessable", title: "Groups refer to each other in a circle" },
  NO_TARGET_MATCHED: { class: "unprocessable", title: "No target matches" },
  TOO_MANY_TARGETS: { class: "unprocessable", title: "More targets match than allowed" },
  HEALTHCHECK_MISSING: { class: "unprocessable", title: "A container has no HEALTHCHECK" },
  TARGET_AMBIGUOUS: { class: "unprocessable", title: "The name fits several targets" },
  TERMINAL_REFUSED: { class: "unprocessable", title: "The terminal could not be started" },
  SEARCH_OFF: { class: "unprocessable", title: "Output is not indexed here" },
  LIMIT_EXCEEDED: { class: "unprocessable", title: "A limit is exceeded" },
  BODY_TOO_LARGE: { class: "too-large", title: "The request is too large" },
  CONTENT_TYPE_INVALID: { class: "media-type", title: "This content type is not read here" },
  QUEUE_FULL: { class: "limited", title: "Too many executions are waiting" },
  RATE_LIMITED: { class: "limited", title: "Too many requests" },
  ENGINE_UNREACHABLE: { class: "unavailable", title: "The engine does not answer" },
  ENGINE_REFUSED: { class: "unavailable", title: "The engine refused the request" },
  STORAGE_FULL: { class: "unavailable", title: "The data directory's disk is full" },
  STORAGE_UNAVAILABLE: { class: "unavailable", title: "The data directory can not be used" },
  SECRETS_UNREADABLE: { class: "unavailable", title: "A kept secret can not be read" },
  SCRIPT_STORE_UNAVAILABLE: {
    class: "unavailable",
    title: "The store of scripts can not be used",
  },
  SHUTTING_DOWN: { class: "unavailable", title: "The server is shutting down" },
  INTERNAL: { class: "internal", title: "Something went wrong on our side" },
} as const satisfies Record<string, CatalogEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOG;

/** One place in the request that is wrong: a JSON pointer, what is wrong there, in words. */
export interface ErrorPlace {
  readonly pointer: string;
  readonly detail: string;
}

export interface AppErrorOptions {
  /** One sentence: what happened, with the names involved. */
  readonly detail: string;
  /** What to do about it: a command or a place to look. */
  readonly hint?: string;
  readonly errors?: readonly ErrorPlace[];
  /** Further members of the problem document. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** A refusal of ours; a script that fails is never one. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly errors: readonly ErrorPlace[];
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, options: AppErrorOptions) {
    super(options.detail, { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
    this.errors = options.errors ?? [];
    this.extra = options.extra ?? {};
  }

  get status(): number {
    return STATUS_BY_CLASS[ERROR_CATALOG[this.code].class];
  }
}

/** Tells whether an error is one of ours, optionally with one of the codes given. */
export function isAppError(error: unknown, ...codes: ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code));
}
