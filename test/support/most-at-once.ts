import type { Run } from "@deckhand/core";

/** The most executions of a run that went on at the same time. */
export function mostAtOnce({ executions }: Pick<Run, "executions">): number {
  const steps = executions
    .filter(({ startedAt }) => startedAt !== null)
    .flatMap(({ startedAt, finishedAt }) => [
      { at: Date.parse(startedAt ?? ""), by: 1 },
      { at: Date.parse(finishedAt ?? ""), by: -1 },
    ])
    // Of one millisecond, an end comes before a start.
    .toSorted((one, other) => one.at - other.at || one.by - other.by);
  let [now, most] = [0, 0];
  for (const { by } of steps) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
