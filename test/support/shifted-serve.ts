// `deckhand serve` whose schedules live by another clock. SCHEDULE_CLOCK is JSON of a ShiftedClock; the clock goes on
// over restarts, and jumps when it is another one then.
import { parseArgs } from "node:util";
import { loadConfig } from "../../packages/server/src/config/load-config.ts";
import { openServer } from "../../packages/server/src/main/serve.ts";
import { type ShiftedClock, toShifted } from "./shifted-clock.ts";

const clock = JSON.parse(process.env.SCHEDULE_CLOCK ?? "{}") as ShiftedClock;
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    "data-dir": { type: "string" },
    port: { type: "string" },
    engine: { type: "string", multiple: true },
  },
});
const config = loadConfig({
  overrides: { dataDir: values["data-dir"], port: Number(values.port), engine: values.engine },
});
await openServer(config, (line) => process.stdout.write(`${line}\n`), {
  scheduleClock: {
    now: () => toShifted(clock, Date.now()),
    wait: (ms, wake) => {
      const timer = setTimeout(wake, Math.ceil(ms / clock.rate));
      return () => clearTimeout(timer);
    },
  },
});
