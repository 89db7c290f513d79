import { findProcesses, programBytes, residentBytes } from "../inside/processes.ts";
import type { Lab } from "../lab.ts";
import { deckhand, type DeckhandPeer } from "../peers/deckhand.ts";
import { inParallel, sayHello } from "../peers/peer.ts";
import type { Claim, Series, SpeedPromise } from "./promise.ts";

const MIB = 1024 ** 2;
const KIB = 1024;
const RUNS = 1_000;
const IDLE_AFTER_MS = 15_000;
const GUARD = "deckhand-guard";

export const footprint: SpeedPromise = {
  name: "P7",
  title: `a server and a guard that idle after ${RUNS} runs`,
  measure: async (lab) => {
    const container = await lab.newContainer();
    const server = deckhand();
    await server.start(lab.place);
    try {
      const fresh = (await residentBytes(server.pid)) / MIB;
      await runMany(server, container);
      const idle = (await residentBytes(server.pid)) / MIB;
      const guard = await guardSizes(lab, container);
      return {
        series: [
          { of: "server, just started", unit: "MiB", values: [fresh] },
          { of: "server, idle after runs", unit: "MiB", values: [idle] },
          ...guard.series,
        ],
        claims: [
          {
            what: "idle server",
            figure: Math.max(fresh, idle),
            unit: "MiB resident",
            bound: { atMost: 150 },
          },
          ...guard.claims,
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

async function runMany(server: DeckhandPeer, container: string): Promise<void> {
  await inParallel(
    Array.from({ length: RUNS }, () => container),
    8,
    (one) => sayHello(server, one),
  );
  await new Promise((resolve) => setTimeout(resolve, IDLE_AFTER_MS));
}

/** The daemon and, beside it, whatever else of the guard stays in the container while nothing runs. */
async function guardSizes(
  lab: Lab,
  container: string,
): Promise<{ readonly series: readonly Series[]; readonly claims: readonly Claim[] }> {
  const found = await findProcesses({ beside: await lab.mainProcess(container), name: GUARD });
  const sizes = await Promise.all(
    found.map(async ({ pid, command }) => ({
      command,
      resident: (await residentBytes(pid)) / MIB,
      file: (await programBytes(pid)) / KIB,
    })),
  );
  if (sizes.length === 0) console.log(`  no process named ${GUARD} is in the container`);
  return {
    series: sizes.map(({ command, resident }) => ({
      of: command,
      unit: "MiB",
      values: [resident],
    })),
    claims: [
      {
        what: "guard, its largest process",
        figure: most(sizes.map(({ resident }) => resident)),
        unit: "MiB resident",
        bound: { atMost: 1 },
      },
      {
        what: "the guard's file",
        figure: most(sizes.map(({ file }) => file)),
        unit: "KiB",
        bound: { atMost: 100 },
      },
    ],
  };
}

/** Not a number, and so never within a bound, when there is none. */
function most(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : Math.max(...values);
}
