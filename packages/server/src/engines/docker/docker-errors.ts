import { AppError, type ErrorCode } from "@deckhand/core";

/** What the engine's answers mean. The first row that fits counts; text decides only where the status can not. */
const MEANINGS: readonly Meaning[] = [
  // An exec that was created but never started goes when its container ends.
  {
    status: 404,
    text: /no such exec/i,
    code: "TARGET_STATE_CONFLICT",
    containerStatus: "exited",
  },
  { status: 404, code: "TARGET_NOT_FOUND" },
  { status: 409, text: /paused/i, code: "TARGET_STATE_CONFLICT", containerStatus: "paused" },
  {
    status: 409,
    text: /restarting/i,
    code: "TARGET_STATE_CONFLICT",
    containerStatus: "restarting",
  },
  {
    status: 409,
    text: /not running|is stopped|container state improper/i,
    code: "TARGET_STATE_CONFLICT",
    containerStatus: "exited",
  },
  {
    status: 500,
    text: /container state improper|can only create exec sessions on running containers/i,
    code: "TARGET_STATE_CONFLICT",
    containerStatus: "exited",
  },
  { status: 500, text: /is paused/i, code: "TARGET_STATE_CONFLICT", containerStatus: "paused" },
  { status: 503, code: "ENGINE_UNREACHABLE" },
];

interface Meaning {
  readonly status: number;
  readonly text?: RegExp;
  readonly code: ErrorCode;
  readonly containerStatus?: string;
}

export interface EngineAddress {
  readonly name: string;
  readonly address: string;
}

/** Translates an answer that is no success. */
export function toAnswerError(engine: EngineAddress, status: number, message: string): AppError {
  const meaning = MEANINGS.find(
    (one) => one.status === status && (one.text?.test(message) ?? true),
  );
  const { code = "ENGINE_REFUSED", containerStatus } = meaning ?? {};
  const extra = { engineStatus: status, ...(containerStatus && { containerStatus }) };
  return new AppError(code, {
    detail: `The engine ${engine.name} answered ${status}: ${message}`,
    extra,
  });
}

/** Translates a success whose body is not what the API promises. */
export function toUnreadableError(engine: EngineAddress, cause: unknown): AppError {
  return new AppError("ENGINE_REFUSED", {
    detail: `The answer of the engine ${engine.name} at ${engine.address} can not be read: ${(cause as Error).message}`,
    hint: "Is this a Docker Engine or Podman? Look with: deckhand doctor",
    cause,
  });
}

/** Translates a connection that can not be made, or an answer that does not come. */
export function toConnectionError(engine: EngineAddress, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError("ENGINE_UNREACHABLE", {
    detail: `The engine ${engine.name} at ${engine.address} does not answer (${toReason(cause)}).`,
    hint: "Is it running, and may this user use its socket? Look with: deckhand doctor",
    cause,
  });
}

/** Translates the break of a connection that stood. */
export function toBrokenError(engine: EngineAddress, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError("ENGINE_UNREACHABLE", {
    detail: `The connection to the engine ${engine.name} at ${engine.address} broke (${toReason(cause)}).`,
    cause,
  });
}

/** Tells whether the engine said that there is no such thing. */
export function isNotThere(error: unknown): boolean {
  return error instanceof AppError && error.extra.engineStatus === 404;
}

/** An aborted request says only that it was aborted; the signal's reason says why. */
function toReason(cause: unknown): string {
  const { name, code, message, cause: inner } = cause as Error & { readonly code?: string };
  if (name === "AbortError" && inner instanceof Error) return toReason(inner);
  if (name === "TimeoutError") return "no answer in time";
  if (name === "AbortError") return "given up";
  return code ? code : message;
}
