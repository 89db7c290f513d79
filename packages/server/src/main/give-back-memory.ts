import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So long nothing may have ended before memory is given back: it takes a tenth of a second, in which nothing else happens. */
const QUIET_MS = 5_000;

/**
 * What sockets give lies outside of V8's heap: on its own V8 lets 64 MiB of that stand before it looks. To look at what is young takes
 * about a millisecond.
 */
const LOOK_EVERY_BYTES = 4 * 1024 * 1024;

export interface MemoryGiver {
  /** So many bytes of output were stored, and what they came in is of no more use. */
  stored(bytes: number): void;
  /** Something has ended; memory that it took is given back once it is quiet. */
  soon(): void;
  close(): void;
}

/** By itself Node keeps what a burst of runs took until the next one, also when that is a night away. */
export function memoryGiver(isBusy: () => boolean): MemoryGiver {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as NonNullable<typeof globalThis.gc>;
  let timer: NodeJS.Timeout | undefined;
  let storedBytes = 0;
  const look = () => {
    if (isBusy()) timer?.refresh();
    else collect({ type: "major", flavor: "last-resort", execution: "sync" });
  };
  return {
    stored: (bytes) => {
      storedBytes += bytes;
      if (storedBytes < LOOK_EVERY_BYTES) return;
      storedBytes = 0;
      collect({ type: "minor" });
    },
    soon: () => {
      timer ??= setTimeout(look, QUIET_MS).unref();
      timer.refresh();
    },
    close: () => clearTimeout(timer),
  };
}
