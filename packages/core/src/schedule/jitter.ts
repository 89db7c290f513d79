/**
 * Spreads what is due at one instant: the same schedule and instant always wait equally long, so that a restart in
 * between neither shortens nor repeats it.
 */
export function jitterMs(scheduleId: string, dueMs: number, mostMs: number): number {
  if (mostMs <= 0) return 0;
  return hash(`${scheduleId}@${dueMs}`) % (Math.floor(mostMs) + 1);
}

/** FNV-1a over 32 bits, with the mixing that its low bits need. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
