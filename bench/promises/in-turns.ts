import type { Series } from "./promise.ts";

/** One thing to measure, and what it is called. */
export interface Turn {
  readonly of: string;
  /** Gives one figure or several. */
  measure(): Promise<readonly number[] | number>;
}

/** Lets each take its turn once a round, in the same order: A B A B. */
export async function inTurns(
  turns: readonly Turn[],
  { rounds, unit }: { readonly rounds: number; readonly unit: string },
): Promise<readonly Series[]> {
  const values = turns.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    for (const [index, turn] of turns.entries())
      values[index]?.push(...[await turn.measure()].flat());
  }
  return turns.map(({ of }, index) => ({ of, unit, values: values[index] ?? [] }));
}
