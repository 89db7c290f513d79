import {
  ERROR_CATALOG,
  type ErrorClass,
  type ErrorCode,
  problem,
  STATUS_BY_CLASS,
} from "@deckhand/core";

const DESCRIPTIONS = {
  400: "The request is not valid",
  401: "A valid token is needed",
  403: "Not allowed",
  404: "There is no such thing",
  405: "The address does not know this method",
  409: "In conflict with the present state",
  413: "The request is too large",
  415: "The content type is not read here",
  422: "Understood, but not possible as asked",
  429: "Too much at once",
  500: "An error on our side",
  503: "Not available now",
} as const;

export type ProblemStatus = keyof typeof DESCRIPTIONS;

interface ProblemResponse {
  readonly description: string;
  readonly content: { readonly "application/problem+json": { readonly schema: typeof problem } };
}

/** The answers an operation gives when it refuses; 400, 401, 403, 413, 415, 500 and 503 are added where they can happen. */
export function problemResponses<Status extends ProblemStatus>(
  ...statuses: Status[]
): Record<Status, ProblemResponse> {
  return Object.fromEntries(statuses.map((status) => [status, toResponse(status)])) as Record<
    Status,
    ProblemResponse
  >;
}

function toResponse(status: ProblemStatus): ProblemResponse {
  const description = `${DESCRIPTIONS[status]}. Codes: ${codesOf(status).join(", ")}`;
  return { description, content: { "application/problem+json": { schema: problem } } };
}

/** Every code that answers with this status. */
export function codesOf(status: number): ErrorCode[] {
  const codes = Object.keys(ERROR_CATALOG) as ErrorCode[];
  const classOf = (code: ErrorCode): ErrorClass => ERROR_CATALOG[code].class;
  return codes.filter((code) => STATUS_BY_CLASS[classOf(code)] === status);
}
