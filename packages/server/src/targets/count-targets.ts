import type { Target, TargetCounts } from "@deckhand/core";
import type { Selection } from "./select-targets.ts";

const MOST_SERVICES = 100;

/** Counts a selection by state, engine and service, and what was taken away. */
export function countTargets({ targets, matched, excepted, besidesOne }: Selection): TargetCounts {
  return {
    matched,
    excepted,
    besidesOne,
    total: targets.length,
    byState: countBy(targets, stateOf),
    byEngine: countBy(targets, ({ engine }) => engine),
    byService: countBy(targets, serviceOf).slice(0, MOST_SERVICES),
  };
}

/** A running target is as well as its health check says. */
function stateOf({ state, health }: Target): string {
  return state === "running" && health !== "none" ? health : state;
}

function serviceOf({ project, service }: Target): string {
  return [project, service].filter((part) => part !== null).join("/");
}

/** The most frequent first; targets without such a value are not counted. */
function countBy(
  targets: readonly Target[],
  valueOf: (target: Target) => string,
): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const target of targets) {
    const value = valueOf(target);
    if (value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((one, other) => other.count - one.count || (one.value < other.value ? -1 : 1));
}
