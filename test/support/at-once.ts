/**
 * Does the work for every item, so many at once; the results are in the order of the items. After a failure nothing more is
 * begun, and it is thrown when nothing goes on any more.
 */
export async function atOnce<Item, Result>(
  width: number,
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  let hasFailed = false;
  const worker = async () => {
    for (const [index, item] of left) {
      if (hasFailed) return;
      results[index] = await work(item, index).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: width }, worker));
  for (const one of workers) if (one.status === "rejected") throw one.reason;
  return results;
}
