import { AppError, type ErrorCode } from "@deckhand/core";

/** What the engine's answers mean. The first row that fits counts; text decides only where the status can not. */
const MEANINGS: readonly Meaning[] = [
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

/** Translates an answer that is no success. */
export function toAnswerError(engine: string, status: number, message: string): AppError {
  const meaning = MEANINGS.find(
    (one) => one.status === status && (one.text?.test(message) ?? true),
  );
  const { code = "ENGINE_REFUSED", containerStatus } = meaning ?? {};
  const extra = { engineStatus: status, ...(containerStatus && { containerStatus }) };
  return new AppError(code, {
    detail: `The engine ${engine} answered ${status}: ${message}`,
    extra,
  });
}

/** Translates a connection that can not be made, or that broke. */
export function toConnectionError(engine: string, address: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const why = (cause as { code?: string }).code ?? (cause as Error).message;
  return new AppError("ENGINE_UNREACHABLE", {
    detail: `The engine ${engine} at ${address} does not answer (${why}).`,
    hint: "Is it running, and may this user use its socket? Look with: deckhand doctor",
    cause,
  });
}
