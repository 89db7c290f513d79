/** What the scheduler knows of time: the wall clock, which may jump, and a way to wait. */
export interface ScheduleClock {
  now(): number;
  /** Calls back once so many milliseconds of this clock have passed; the returned function gives that up. */
  wait(ms: number, wake: () => void): () => void;
}

export const SYSTEM_CLOCK: ScheduleClock = {
  now: Date.now,
  wait: (ms, wake) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};
