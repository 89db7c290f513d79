import type { AppError, OutcomeReason, OutcomeReasonCode } from "@deckhand/core";

/** What the engine writes into the stream when it could not start our shell, and what that means. */
const BY_TEXT: readonly (readonly [RegExp, OutcomeReasonCode])[] = [
  [
    /unable to find user|no matching entries in (the )?passwd|unable to find group|no users found/i,
    "user-unknown",
  ],
  [/argument list too long/i, "environment-too-large"],
  [
    /chdir to cwd|workdir|working directory|mkdir .* (permission denied|read-only)/i,
    "workdir-missing",
  ],
  [
    /("?\/bin\/sh"?).*(no such file|not found|permission denied|is a directory)|executable file .*not found/i,
    "no-shell",
  ],
  [/is paused/i, "container-paused"],
  [/not running|is stopped/i, "container-not-running"],
];

/** Reads a start that failed before our program said anything. */
export function toStartFailure(said: string): OutcomeReason {
  const words = said.trim().replaceAll(/\s+/g, " ").slice(0, 500);
  const code = BY_TEXT.find(([pattern]) => pattern.test(words))?.[1] ?? "start-refused";
  if (code === "no-shell") {
    return {
      code,
      detail: `The container has no /bin/sh, which an attached exec needs. The engine says: ${words}`,
    };
  }
  return {
    code,
    detail:
      words === ""
        ? "The engine did not start it and gave no reason."
        : `The engine says: ${words}`,
  };
}

const BY_CONTAINER_STATUS: Readonly<Record<string, OutcomeReasonCode>> = {
  paused: "container-paused",
  restarting: "container-not-running",
  exited: "container-not-running",
};

/** Reads a refusal of the engine's API. */
export function toRefusal(error: AppError): OutcomeReason {
  if (error.code === "TARGET_NOT_FOUND") {
    return { code: "container-gone", detail: "The container is not there any more." };
  }
  if (error.code === "TARGET_STATE_CONFLICT") {
    const code =
      BY_CONTAINER_STATUS[String(error.extra.containerStatus)] ?? "container-not-running";
    return { code, detail: error.message };
  }
  if (error.code === "ENGINE_UNREACHABLE")
    return { code: "engine-unreachable", detail: error.message };
  return toStartFailure(error.message);
}
