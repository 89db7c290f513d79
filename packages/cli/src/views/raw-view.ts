import type { Run } from "@deckhand/core";
import { type CommandContext, writeAll } from "../command-context.ts";
import { formatBytes } from "../terminal/spans.ts";
import { frameBytes, type RunView } from "./run-view.ts";

/** One target: its bytes untouched, stdout to stdout and stderr to stderr. */
export function rawView({ surroundings: { stdout, stderr }, say }: CommandContext): RunView {
  return {
    update: async (update) => {
      if (update.event !== "output") return;
      await writeAll(update.data.stream === "stdout" ? stdout : stderr, frameBytes(update.data));
    },
    finish: async (run) => {
      for (const line of toRemarks(run)) say(line);
    },
    notice: say,
  };
}

/** What the exit code alone does not tell. */
export function toRemarks({ id, executions }: Run): string[] {
  return executions.flatMap(({ state, reason, output, leftovers, target }) => [
    ...(["lost", "rejected", "timed-out", "cancelled"].includes(state)
      ? [`${target.name}: ${state}: ${reason?.detail ?? ""}`]
      : []),
    ...(output.truncated
      ? [
          `${target.name}: output is cut: ${formatBytes(output.storedBytes)} of ${formatBytes(output.stdoutBytes + output.stderrBytes)} kept`,
        ]
      : []),
    ...(state === "succeeded" && !output.complete
      ? [`${target.name}: some output may be missing (run ${id})`]
      : []),
    ...(leftovers.length > 0
      ? [
          `${target.name}: left running: ${leftovers.map(({ pid, command }) => `${command} (${pid})`).join(", ")}`,
        ]
      : []),
  ]);
}
