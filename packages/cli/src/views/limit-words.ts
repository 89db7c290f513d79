import type { Run } from "@deckhand/core";
import { formatDuration } from "@deckhand/core/duration";
import { formatBytes } from "../terminal/spans.ts";

/** What was chosen for a run, in words; what the container has is not told. */
export function toLimitWords({ limits, survivors }: Pick<Run, "limits" | "survivors">): string[] {
  const { timeoutMs, nice, oomScore, cpuTimeMs, openFiles, fileBytes, processes, umask } = limits;
  const words: readonly (string | false)[] = [
    `at most ${formatDuration(timeoutMs)}`,
    nice !== null && `nice ${nice}`,
    oomScore !== null && `oom score +${oomScore}`,
    cpuTimeMs !== null && `CPU time ${formatDuration(cpuTimeMs)}`,
    openFiles !== null && `${openFiles} open files`,
    fileBytes !== null && `files up to ${formatBytes(fileBytes)}`,
    processes !== null && `${processes} processes`,
    umask !== null && `umask ${umask}`,
    survivors === "wait" && "waits for background processes",
  ];
  return words.filter((word) => word !== false);
}
