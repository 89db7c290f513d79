import { type BashClock, startBashClock } from "../inside/bash-clock.ts";
import type { Lab } from "../lab.ts";
import { type Peer, sayHello } from "../peers/peer.ts";
import { medianOf } from "../statistics.ts";
import { findBestWidth } from "./best-width.ts";
import { inTurns } from "./in-turns.ts";
import type { SpeedPromise } from "./promise.ts";

const AT_ONCE = 16;
const CONTAINERS = 4;
const TURN_MS = 5_000;
const SEARCH_MS = 2_000;
const BASH = "bash in the containers, nothing else";
const BASH_BATCH = 25;

export const throughput: SpeedPromise = {
  name: "P2",
  title: `one line of bash again and again, ${AT_ONCE} at once in ${CONTAINERS} containers`,
  measure: async (lab) => {
    const containers = await lab.warmContainers(CONTAINERS);
    const width = await findBestWidth({
      measure: (tried) => runsPerSecond(lab.raw, { containers, width: tried, ms: SEARCH_MS }),
    });
    const clocks = await Promise.all(containers.map(startBashClock));
    const turns = [
      { of: BASH, measure: () => bashesPerSecond(clocks) },
      ...lab.peers.map((peer) => ({
        of: peer.name,
        measure: () =>
          runsPerSecond(peer, { containers, width: widthOf(peer, lab, width), ms: TURN_MS }),
      })),
    ];
    const series = await inTurns(turns, { rounds: lab.rounds(4), unit: "runs/s" });
    for (const clock of clocks) await clock.stop();
    const ratio = medianOf(series, lab.deckhand.name) / medianOf(series, lab.raw.name);
    return {
      series,
      claims: [
        {
          what: `runs a second against raw engine exec, ${width} at once`,
          figure: ratio,
          unit: "x as many",
          bound: { atLeast: 25 },
        },
      ],
    };
  },
};

/** Whoever starts an engine exec for each run is best at the engine's own best. */
function widthOf(peer: Peer, { deckhand }: Lab, engineWidth: number): number {
  return peer === deckhand ? AT_ONCE : engineWidth;
}

interface Load {
  readonly containers: readonly string[];
  readonly width: number;
  readonly ms: number;
}

function runsPerSecond(peer: Peer, { containers, width, ms }: Load): Promise<number> {
  const containerOf = (worker: number) => containers[worker % containers.length] ?? "";
  return perSecond(width, ms, async (worker) => {
    await sayHello(peer, containerOf(worker));
    return 1;
  });
}

/** What the machine could do at most. */
function bashesPerSecond(clocks: readonly BashClock[]): Promise<number> {
  return perSecond(clocks.length, SEARCH_MS, async (worker) => {
    const took = await clocks[worker]?.measure(BASH_BATCH);
    return took?.length ?? 0;
  });
}

/** Each worker acts again and again until the time is up; `act` gives how much it did. */
async function perSecond(
  workers: number,
  ms: number,
  act: (worker: number) => Promise<number>,
): Promise<number> {
  const from = performance.now();
  let done = 0;
  const work = async (worker: number) => {
    while (performance.now() - from < ms) {
      const more = await act(worker);
      done += more;
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return done / ((performance.now() - from) / 1000);
}
