/** Puts items into an order by chance (Fisher and Yates); `random` gives numbers from 0 to 1. */
export function shuffle<Item>(items: readonly Item[], random: () => number): Item[] {
  const rest = [...items];
  for (let end = rest.length - 1; end > 0; end--) {
    const at = Math.min(end, Math.floor(random() * (end + 1)));
    [rest[end], rest[at]] = [rest[at] as Item, rest[end] as Item];
  }
  return rest;
}
