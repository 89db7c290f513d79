import type { Problem } from "@deckhand/core";
import type { Answer } from "./send.ts";

/** The server refused a request; what it said is in `problem`. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

/** The server could not be reached, or the connection broke. */
export class ConnectionError extends Error {
  /** The system's word for it, such as ECONNREFUSED, where it has one. */
  readonly code: string | undefined;

  constructor(server: string, cause: unknown) {
    super(`The server at ${server} does not answer (${reasonOf(cause)}).`, { cause });
    this.name = "ConnectionError";
    this.code = innermost(cause).code;
  }
}

interface Cause {
  readonly code?: string | undefined;
  readonly message: string;
}

/** fetch hides what the system said in the cause of a TypeError. */
function innermost(error: unknown): Cause {
  if (error instanceof ConnectionError) return { code: error.code, message: error.message };
  const { cause } = error as { cause?: unknown };
  return (cause instanceof Error ? cause : error) as Cause;
}

function reasonOf(cause: unknown): string {
  const { code, message } = innermost(cause);
  return code ?? message;
}

/** Reads a refusal, also one that something between us and the server made. */
export async function toProblemError(answer: Answer): Promise<ProblemError> {
  const text = await answer.text();
  return new ProblemError(findProblem(text) ?? toForeignProblem(answer, text));
}

function findProblem(text: string): Problem | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return isProblem(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function isProblem(found: unknown): found is Problem {
  const { code, detail, status } = (found ?? {}) as Partial<Record<string, unknown>>;
  return typeof code === "string" && typeof detail === "string" && typeof status === "number";
}

function toForeignProblem(answer: Answer, text: string): Problem {
  const { status, statusText } = answer;
  const place = answer.headers.get("location");
  return {
    type: "about:blank",
    title: statusText,
    status,
    code: status >= 500 ? "INTERNAL" : "REQUEST_INVALID",
    detail: `The server answered ${status} ${statusText}: ${text.slice(0, 200)}`,
    ...(place && { hint: `It sends on to ${place}: if that is the server, give its address.` }),
    requestId: answer.headers.get("x-request-id") ?? "",
  };
}
