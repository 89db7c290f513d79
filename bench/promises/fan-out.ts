import { HELLO } from "../peers/peer.ts";
import { medianOf, timed } from "../statistics.ts";
import { findBestWidth } from "./best-width.ts";
import { inTurns } from "./in-turns.ts";
import type { SpeedPromise } from "./promise.ts";

const CONTAINERS = 50;

/** What holding back costs, beside the same run all at once. */
const ROLLOUTS = [
  { name: "Deckhand, rollout 50 at once", rollout: { maxConcurrency: CONTAINERS } },
  {
    name: "Deckhand, canary, then 10 each",
    rollout: { canary: 1, batch: 10, maxConcurrency: CONTAINERS },
  },
] as const;

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
    const rollouts = ROLLOUTS.map(({ name, rollout }) => ({
      of: name,
      measure: () => timed(() => lab.deckhand.rollOut(containers, HELLO, rollout)),
    }));
    const series = await inTurns([...turns, ...rollouts], { rounds: lab.rounds(5), unit: "ms" });
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
