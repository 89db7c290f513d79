import type {
  RolloutDefaults,
  RolloutPlanView,
  RolloutProgressView,
  RolloutView,
} from "@deckhand/core";
import { formatSpan } from "../terminal/spans.ts";

/** What a rollout is to do: `5 at once, stops when more than 2 failed, by name, batches 1 + 9 + 9`. */
export function toRolloutWords(plan: RolloutPlanView): string {
  const { maxConcurrency, maxErrors, order, seed, batches, pauseMs, health } = plan;
  return [
    `${maxConcurrency} at once`,
    toErrorWords(maxErrors),
    `by ${order}${seed === null ? "" : ` (seed ${seed})`}`,
    ...(batches.length > 1 ? [`batches ${toBatchWords(batches)}`] : []),
    ...(pauseMs > 0 ? [`${formatSpan(pauseMs)} between`] : []),
    ...(health ? [`health: ${toHealthWords(health)}`] : []),
  ].join(", ");
}

function toErrorWords(maxErrors: number | string | null): string {
  return maxErrors === null ? "errors stop nothing" : `stops when more than ${maxErrors} failed`;
}

/** What a script's header says of it: `10% at once, errors stop nothing`. */
export function toRolloutDefaultWords({
  maxConcurrency,
  onError,
  maxErrors,
}: RolloutDefaults): string {
  return [
    ...(maxConcurrency === undefined ? [] : [`${maxConcurrency} at once`]),
    ...(onError ? [toErrorWords(onError === "continue" ? null : (maxErrors ?? 0))] : []),
  ].join(", ");
}

/** `1 + 4 × 10 + 3` for many of one size. */
function toBatchWords(batches: readonly number[]): string {
  const groups: { size: number; count: number }[] = [];
  for (const size of batches) {
    const last = groups.at(-1);
    if (last?.size === size) last.count++;
    else groups.push({ size, count: 1 });
  }
  return groups
    .map(({ size, count }) => (count > 1 ? `${count} × ${size}` : `${size}`))
    .join(" + ");
}

function toHealthWords(health: NonNullable<RolloutPlanView["health"]>): string {
  return [
    ...(health.healthcheck ? ["healthcheck"] : []),
    ...(health.restarts ? ["restarts"] : []),
    ...(health.probe === null ? [] : ["probe"]),
  ].join(", ");
}

/** What it waits for between two batches; empty while a batch goes on. */
export function toWaitWords({ waitsFor }: RolloutProgressView, nowMs: number): string {
  if (!waitsFor) return "";
  const left = formatSpan(Math.max(0, Date.parse(waitsFor.until) - nowMs));
  const what = waitsFor.kind === "pause" ? "pause" : "looks at the health";
  return `${what} before batch ${waitsFor.batch}, ${left} left`;
}

/** A line for each look at the health. */
export function toGateLines({ gates }: RolloutView): string[] {
  return gates.map(({ batch, state, detail }) =>
    `health behind batch ${batch}: ${state} ${detail}`.trimEnd(),
  );
}
