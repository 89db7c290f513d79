import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So long nothing may have ended before memory is given back: it takes a tenth of a second, in which nothing else happens. */
const QUIET_MS = 5_000;

export interface MemoryGiver {
  /** Something has ended; memory that it took is given back once it is quiet. */
  soon(): void;
  close(): void;
}

/** By itself Node keeps what a burst of runs took until the next one, also when that is a night away. */
export function memoryGiver(isBusy: () => boolean): MemoryGiver {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as NonNullable<typeof globalThis.gc>;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    if (isBusy()) timer?.refresh();
    else collect({ type: "major", flavor: "last-resort", execution: "sync" });
  };
  return {
    soon: () => {
      timer ??= setTimeout(look, QUIET_MS).unref();
      timer.refresh();
    },
    close: () => clearTimeout(timer),
  };
}
