import { coldStart } from "./cold-start.ts";
import { fanOut } from "./fan-out.ts";
import { footprint } from "./footprint.ts";
import type { SpeedPromise } from "./promise.ts";
import { selection } from "./selection.ts";
import { streaming } from "./streaming.ts";
import { throughput } from "./throughput.ts";
import { warmLatency } from "./warm-latency.ts";

/** P6, what a long history costs, is `history.ts`. */
export const PROMISES: readonly SpeedPromise[] = [
  warmLatency,
  throughput,
  fanOut,
  streaming,
  coldStart,
  footprint,
  selection,
];
