import type { DeckhandClient } from "@deckhand/client";
import type { Execution, Run } from "@deckhand/core";
import { type CommandContext, writeAll } from "../command-context.ts";
import { formatBytes } from "../terminal/spans.ts";
import { frameBytes, type RunView } from "./run-view.ts";

/** One target: its bytes untouched, stdout to stdout and stderr to stderr. */
export function rawView({ surroundings: { stdout, stderr }, say }: CommandContext): RunView {
  return {
    update: async (update) => {
      if (update.event !== "output") return;
      const stream = update.data.stream === "stdout" ? stdout : stderr;
      await writeAll(stream, frameBytes(update.data));
    },
    finish: async (run) => {
      for (const line of toRemarks(run)) say(line);
    },
    notice: say,
  };
}

/** Several targets: the bytes of one after the other when all have ended, so that none are mixed. */
export function rawInOrderView(context: CommandContext, client: DeckhandClient): RunView {
  const { stdout, stderr } = context.surroundings;
  return {
    update: async () => {},
    finish: async (run) => {
      for (const { id: execution } of run.executions) {
        const read = (stream: string) => client.downloadOutput(run.id, { execution, stream });
        for await (const bytes of await read("stdout")) await writeAll(stdout, bytes);
        for await (const bytes of await read("stderr")) await writeAll(stderr, bytes);
      }
      for (const line of toRemarks(run)) context.say(line);
    },
    notice: context.say,
  };
}

const UNUSUAL_STATES: readonly string[] = ["lost", "rejected", "timed-out", "cancelled"];

/** What the exit code alone does not tell. */
export function toRemarks({ id, executions }: Run): string[] {
  return executions.flatMap((execution) => {
    const remarks = [
      toEnding(execution),
      toCut(execution),
      toGap(execution, id),
      toLeftovers(execution),
    ];
    return remarks.flatMap((remark) => (remark ? [`${execution.target.name}: ${remark}`] : []));
  });
}

function toEnding({ state, reason }: Execution): string | undefined {
  if (!UNUSUAL_STATES.includes(state)) return undefined;
  return reason ? `${state}: ${reason.detail}` : state;
}

function toCut({ output }: Execution): string | undefined {
  if (!output.truncated) return undefined;
  const written = formatBytes(output.stdoutBytes + output.stderrBytes);
  return `output is cut: ${formatBytes(output.storedBytes)} of ${written} kept`;
}

function toGap({ state, output }: Execution, runId: string): string | undefined {
  if (state !== "succeeded" || output.complete) return undefined;
  return `some output may be missing (run ${runId})`;
}

function toLeftovers({ leftovers }: Execution): string | undefined {
  if (leftovers.length === 0) return undefined;
  const processes = leftovers.map(({ pid, command }) => `${command} (${pid})`);
  return `left running: ${processes.join(", ")}`;
}
