import type { Execution, ExecutionState } from "@deckhand/core";
import type { Style } from "../terminal/style.ts";

interface Look {
  readonly mark: string;
  readonly plain: string;
  readonly format: Parameters<Style>[0];
}

/** Shape, word and colour of each state. */
export const LOOKS: Readonly<Record<ExecutionState, Look>> = {
  queued: { mark: "○", plain: "wait", format: "dim" },
  starting: { mark: "▶", plain: "run ", format: "blue" },
  running: { mark: "▶", plain: "run ", format: "blue" },
  succeeded: { mark: "✓", plain: "ok  ", format: "green" },
  failed: { mark: "✕", plain: "FAIL", format: "red" },
  "timed-out": { mark: "✕", plain: "TIME", format: "red" },
  cancelled: { mark: "■", plain: "stop", format: "yellow" },
  lost: { mark: "?", plain: "LOST", format: "red" },
  rejected: { mark: "✕", plain: "DENY", format: "red" },
  skipped: { mark: "–", plain: "skip", format: "dim" },
};

const WAITING: Readonly<Record<string, string>> = {
  "waiting-for-run": "waits for another run",
  "waiting-for-rollout": "waits for its turn",
  "waiting-for-retry": "waits to try again",
};

/** What became of an execution, in a few words: `exit 1`, `lost: container-gone`. */
export function toOutcomeWords({
  state,
  exitCode,
  signal,
  reason,
}: Pick<Execution, "state" | "exitCode" | "signal" | "reason">): string {
  if (state === "succeeded") return "";
  if (state === "failed") return signal ?? `exit ${exitCode}`;
  if (state === "queued") return WAITING[reason?.code ?? ""] ?? "waiting";
  if (state === "lost" || state === "rejected" || state === "skipped")
    return `${state}: ${reason?.code ?? ""}`;
  return state;
}
