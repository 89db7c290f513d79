import type { EngineEvent } from "../engines/engine.ts";

/** Events of one moment come in any order, so that a little is asked for again. */
const AGAIN_MS = 2_000;
/** What is older says nothing of how things are. */
const LONGEST_AWAY_MS = 10 * 60 * 1000;
/** An engine says what its clock shows without parts of a second. */
const SECOND_MS = 1_000;

/**
 * Remembers what an engine has told, so that what happens while its connection is away can be asked for afterwards, and each
 * event is new once. All times are of the engine's clock.
 */
export interface EventReplay {
  /** From when on to ask; undefined while the engine's time is not known. */
  since(): Date | undefined;
  /** A connection stands, and all that happens from now on is heard. */
  opened(engineTime: Date | undefined): void;
  /** Tells whether an event is new. */
  take(event: EngineEvent): boolean;
}

/** `now` counts milliseconds evenly, from whenever on. */
export function eventReplay(now: () => number): EventReplay {
  const heard = new Map<string, number>();
  let begunMs: number | undefined;
  let newestMs = 0;
  /** How far the engine's clock is ahead of ours. */
  let aheadMs = 0;

  function hear(engineMs: number): void {
    if (engineMs < newestMs) return;
    newestMs = engineMs;
    aheadMs = engineMs - now();
  }

  return {
    since: () => {
      if (begunMs === undefined) return undefined;
      return new Date(Math.max(begunMs, newestMs - AGAIN_MS, now() + aheadMs - LONGEST_AWAY_MS));
    },
    opened: (engineTime) => {
      if (begunMs !== undefined || !engineTime) return;
      begunMs = engineTime.getTime() + SECOND_MS;
      hear(begunMs);
    },
    take: (event) => {
      const atMs = event.at.getTime();
      const key = `${atMs} ${event.kind} ${event.containerId}`;
      if (heard.has(key)) return false;
      heard.set(key, atMs);
      if (begunMs !== undefined) begunMs = Math.min(begunMs, atMs);
      hear(atMs);
      for (const [oldest, oldestMs] of heard) {
        if (oldestMs >= newestMs - AGAIN_MS) break;
        heard.delete(oldest);
      }
      return true;
    },
  };
}
