/** The value below which that share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** How long something took, in milliseconds. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await act();
  return performance.now() - from;
}

interface Named {
  readonly of: string;
  readonly values: readonly number[];
}

/** The median of the series with that name; not a number where there is none. */
export function medianOf(series: readonly Named[], name: string): number {
  return median(series.find(({ of }) => of === name)?.values ?? []);
}
