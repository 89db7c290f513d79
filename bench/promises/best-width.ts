const WIDTHS = [1, 2, 4, 8, 16];

export interface WidthSearch {
  readonly widths?: readonly number[];
  /** Gives what is better when higher. */
  readonly measure: (width: number) => Promise<number>;
}

/** Looks for the concurrency at which an engine does the most: more only queue inside it. */
export async function findBestWidth({ widths = WIDTHS, measure }: WidthSearch): Promise<number> {
  let best = { width: widths[0] ?? 1, figure: 0 };
  for (const width of widths) {
    const figure = await measure(width);
    if (figure > best.figure) best = { width, figure };
  }
  return best.width;
}
