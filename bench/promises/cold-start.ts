import { sayHello } from "../peers/peer.ts";
import { medianOf, timed } from "../statistics.ts";
import { inTurns } from "./in-turns.ts";
import type { SpeedPromise } from "./promise.ts";

/** What the engine still does for a container that it has just started is nobody's. */
const SETTLED_AFTER_MS = 500;

export const coldStart: SpeedPromise = {
  name: "P5",
  title: "one line of bash in a new container where nothing ran before",
  measure: async (lab) => {
    const turns = lab.peers.map((peer) => ({
      of: peer.name,
      measure: async () => {
        const container = await lab.newContainer();
        await new Promise((resolve) => setTimeout(resolve, SETTLED_AFTER_MS));
        return timed(() => sayHello(peer, container));
      },
    }));
    const series = await inTurns(turns, { rounds: lab.rounds(7), unit: "ms" });
    return {
      series,
      claims: [
        {
          what: "p50 against a raw engine exec",
          figure: medianOf(series, lab.deckhand.name) / medianOf(series, lab.raw.name),
          unit: "x as long",
          bound: { atMost: 3 },
        },
      ],
    };
  },
};
