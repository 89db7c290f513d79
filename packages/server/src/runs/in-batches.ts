/** SQLite takes a bounded number of values in one statement. */
export function inBatches<Row>(rows: readonly Row[], size = 100): Row[][] {
  const batches: Row[][] = [];
  for (let from = 0; from < rows.length; from += size) batches.push(rows.slice(from, from + size));
  return batches;
}
