import type { Target } from "../contract/target.ts";
import { shuffle } from "./shuffle.ts";

/** A target that was chosen, with the reason in words. */
export interface Picked {
  readonly target: Target;
  readonly why: string;
}

/** What is known of how busy a target is. */
export interface Business {
  readonly openExecutions: number;
  /** How often it was chosen a moment ago, so that executions of ours are about to come. */
  readonly chosenLately: number;
  /** Undefined where the engine did not tell in time, or nobody had to ask. */
  readonly cpuPercent: number | undefined;
}

/** The place of a target in a rotation: it stays where it is while others come and go. */
export function rotationPlace({ engine, name, id }: Target): string {
  return `${engine}\u0000${name}\u0000${id}`;
}

/** Takes the next ones after that place, and begins again at the end. The targets come by engine and name. */
export function pickNext(
  targets: readonly Target[],
  count: number,
  after: string | undefined,
): readonly Picked[] {
  const from =
    after === undefined ? 0 : targets.findIndex((target) => rotationPlace(target) > after);
  const start = Math.max(0, from);
  const turned = [...targets.slice(start), ...targets.slice(0, start)].slice(0, count);
  const [, nameBefore] = after?.split("\u0000") ?? [];
  const why = nameBefore === undefined ? "first in the rotation" : `next after ${nameBefore}`;
  return turned.map((target) => ({ target, why }));
}

/** Takes any; `random` gives numbers from 0 to 1. */
export function pickRandomly(
  targets: readonly Target[],
  count: number,
  random: () => number,
): readonly Picked[] {
  return shuffle(targets, random)
    .slice(0, count)
    .map((target) => ({ target, why: "by chance" }));
}

/** Those that are certain, and those of which some must be left out although they have as many executions. */
export interface Contest {
  readonly certain: readonly Target[];
  readonly tied: readonly Target[];
}

/** Splits them by how many executions are open on each, so that only the tied need to be asked about their CPU. */
export function findTied(
  targets: readonly Target[],
  count: number,
  openExecutions: (target: Target) => number,
): Contest {
  const sorted = targets
    .map((target) => ({ target, open: openExecutions(target) }))
    .sort((one, other) => one.open - other.open);
  const last = sorted[count - 1];
  if (!last || sorted.length <= count) return { certain: targets, tied: [] };
  const withOpen = (fits: (open: number) => boolean) =>
    sorted.filter(({ open }) => fits(open)).map(({ target }) => target);
  const tied = withOpen((open) => open === last.open);
  const certain = withOpen((open) => open < last.open);
  return certain.length + tied.length === count
    ? { certain: [...certain, ...tied], tied: [] }
    : { certain, tied };
}

/** Takes those with the fewest executions of ours, of equal ones those with the least CPU; who is not known comes last. */
export function pickLeastBusy(
  targets: readonly Target[],
  count: number,
  businessOf: (target: Target) => Business,
): readonly Picked[] {
  const busy = targets.map((target) => ({ target, business: businessOf(target) }));
  busy.sort((one, other) => compareBusiness(one.business, other.business));
  return busy.slice(0, count).map(({ target, business }) => ({ target, why: toWords(business) }));
}

function compareBusiness(one: Business, other: Business): number {
  return expected(one) - expected(other) || cpuRank(one) - cpuRank(other);
}

function expected({ openExecutions, chosenLately }: Business): number {
  return openExecutions + chosenLately;
}

/** Whole percents: less is noise. */
function cpuRank({ cpuPercent }: Business): number {
  return cpuPercent === undefined ? Number.MAX_SAFE_INTEGER : Math.round(cpuPercent);
}

function toWords({ openExecutions, chosenLately, cpuPercent }: Business): string {
  const words = [
    `${openExecutions} open ${openExecutions === 1 ? "execution" : "executions"}`,
    chosenLately > 0 && "chosen a moment ago",
    cpuPercent !== undefined && `${Math.round(cpuPercent)} % CPU`,
  ];
  return words.filter(Boolean).join(", ");
}
