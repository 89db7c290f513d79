import type { Lab } from "../lab.ts";

/** One of the product's promises about speed and size, and how it is measured. */
export interface SpeedPromise {
  readonly name: string;
  readonly title: string;
  /** Measures all that it compares in turns, so that noise on the machine hits all of them. */
  measure(lab: Lab): Promise<Shown>;
}

export interface Shown {
  readonly series: readonly Series[];
  readonly claims: readonly Claim[];
}

/** What was measured of one peer. */
export interface Series {
  readonly of: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** A figure that the promise bounds. */
export interface Claim {
  readonly what: string;
  readonly figure: number;
  readonly unit: string;
  readonly bound: { readonly atMost: number } | { readonly atLeast: number };
}

export function isHeld({ figure, bound }: Claim): boolean {
  return "atMost" in bound ? figure <= bound.atMost : figure >= bound.atLeast;
}
