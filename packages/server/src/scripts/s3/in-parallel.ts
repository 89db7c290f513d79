/** Does the work for all items, some at once and in their order; a request that waits for a place would run out of its time. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  async function next(): Promise<void> {
    for (const [index, item] of queue) results[index] = await work(item);
  }
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return results;
}

/** Fewer than there are connections to the store, so that a single request finds one free. */
const AT_ONCE = 12;
