import { shuffle } from "../pick/shuffle.ts";

/** What the order of a rollout looks at. */
export interface OrderedTarget {
  readonly name: string;
  readonly engine: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Puts targets into the order `name`, `random` or `label=KEY`; those without the label come last. */
export function orderTargets<Target extends OrderedTarget>(
  targets: readonly Target[],
  { order, seed }: { readonly order: string; readonly seed: number },
): Target[] {
  const byName = targets.toSorted(compareNames);
  if (order === "random") return shuffle(byName, numbersFrom(seed));
  if (order === "name") return byName;
  const key = order.slice("label=".length);
  return byName.toSorted((one, other) => compareLabels(one.labels[key], other.labels[key]));
}

/** Numbers in names count as numbers: `web-2` comes before `web-10`. */
function compareNames(one: OrderedTarget, other: OrderedTarget): number {
  return compareTexts(one.name, other.name) || compareTexts(one.engine, other.engine);
}

function compareLabels(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined)
    return Number(one === undefined) - Number(other === undefined);
  return compareTexts(one, other);
}

let collator: Intl.Collator | undefined;

/** To make a collator takes 20 ms, and most processes never order anything. */
function compareTexts(one: string, other: string): number {
  collator ??= new Intl.Collator("en", { numeric: true });
  return collator.compare(one, other);
}

/** The generator mulberry32: the same seed gives the same numbers from 0 to 1 on every machine. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
