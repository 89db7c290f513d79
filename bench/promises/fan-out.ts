import { HELLO } from "../peers/peer.ts";
import { medianOf, timed } from "../statistics.ts";
import { findBestWidth } from "./best-width.ts";
import { inTurns } from "./in-turns.ts";
import type { SpeedPromise } from "./promise.ts";

const CONTAINERS = 50;

export const fanOut: SpeedPromise = {
  name: "P3",
  title: `one script on ${CONTAINERS} containers where something ran before`,
  measure: async (lab) => {
    const containers = await lab.warmContainers(CONTAINERS);
    const width = await findBestWidth({
      widths: [2, 4, 8, 16, CONTAINERS],
      measure: async (tried) => 1 / (await timed(() => lab.raw.runOnAll(containers, HELLO, tried))),
    });
    const turns = lab.peers.map((peer) => ({
      of: peer.name,
      measure: () => timed(() => peer.runOnAll(containers, HELLO, width)),
    }));
    const series = await inTurns(turns, { rounds: lab.rounds(5), unit: "ms" });
    const ratio = medianOf(series, lab.raw.name) / medianOf(series, lab.deckhand.name);
    return {
      series,
      claims: [
        {
          what: `against ${CONTAINERS} raw engine execs, ${width} at once`,
          figure: ratio,
          unit: "x faster",
          bound: { atLeast: 20 },
        },
      ],
    };
  },
};
