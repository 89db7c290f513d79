import { AppError, type ErrorCode, type OutcomeReason } from "@deckhand/core";

const CODES: Partial<Record<OutcomeReason["code"], ErrorCode>> = {
  "container-gone": "TARGET_NOT_FOUND",
  "container-paused": "TARGET_STATE_CONFLICT",
  "container-not-running": "TARGET_STATE_CONFLICT",
  "container-stopped": "TARGET_STATE_CONFLICT",
  "container-restarted": "TARGET_STATE_CONFLICT",
  "engine-unreachable": "ENGINE_UNREACHABLE",
};

const HINTS: Partial<Record<OutcomeReason["code"], string>> = {
  "terminal-impossible": "See what this container allows: deckhand doctor TARGET",
};

/** What to answer when a terminal's program did not start. */
export function toStartRefusal(reason: OutcomeReason): AppError {
  return new AppError(CODES[reason.code] ?? "TERMINAL_REFUSED", {
    detail: reason.detail,
    hint: HINTS[reason.code] ?? "",
    extra: { reason: reason.code },
  });
}
