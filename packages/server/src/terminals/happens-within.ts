/** Waits for an event, at most this long; tells whether it came. */
export async function happensWithin(event: Promise<unknown>, timeMs: number): Promise<boolean> {
  const timeUp = Promise.withResolvers<false>();
  const timer = setTimeout(() => timeUp.resolve(false), timeMs);
  const happened = await Promise.race([event.then(() => true as const), timeUp.promise]);
  clearTimeout(timer);
  return happened;
}
