import type { Problem } from "@deckhand/core";

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
  constructor(server: string, cause: unknown) {
    super(`The server at ${server} does not answer (${reasonOf(cause)}).`, { cause });
    this.name = "ConnectionError";
  }
}

function reasonOf(cause: unknown): string {
  const inner = (cause as { cause?: { code?: string; message?: string } }).cause;
  return inner?.code ?? inner?.message ?? (cause as Error).message;
}

/** Reads a refusal, also one that something between us and the server made. */
export async function toProblemError(answer: Response): Promise<ProblemError> {
  const text = await answer.text();
  try {
    return new ProblemError(JSON.parse(text) as Problem);
  } catch {
    const detail = `The server answered ${answer.status} ${answer.statusText}: ${text.slice(0, 200)}`;
    return new ProblemError({
      type: "about:blank",
      title: answer.statusText,
      status: answer.status,
      code: answer.status >= 500 ? "INTERNAL" : "REQUEST_INVALID",
      detail,
      requestId: answer.headers.get("x-request-id") ?? "",
    });
  }
}
