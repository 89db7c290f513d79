/** A clock that was ahead of the true one by `aheadMs` at `originMs`, and goes `rate` times as fast from there. */
export interface ShiftedClock {
  readonly originMs: number;
  readonly aheadMs: number;
  readonly rate: number;
}

export function toShifted({ originMs, aheadMs, rate }: ShiftedClock, trueMs: number): number {
  return Math.floor(originMs + aheadMs + (trueMs - originMs) * rate);
}
