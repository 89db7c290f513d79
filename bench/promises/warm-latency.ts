import { startBashClock } from "../inside/bash-clock.ts";
import type { Lab } from "../lab.ts";
import { type Peer, sayHello } from "../peers/peer.ts";
import { medianOf, timed } from "../statistics.ts";
import { inTurns, type Turn } from "./in-turns.ts";
import type { Claim, Series, SpeedPromise } from "./promise.ts";

const BASH = "bash in the container";
/** So many one after the other in each turn: warm is how scripts are run one after the other. */
const BURST = 4;

export const warmLatency: SpeedPromise = {
  name: "P1",
  title: "one line of bash in a container where something ran before",
  measure: async (lab) => {
    const container = await lab.container();
    const clock = await startBashClock(container);
    try {
      const bash: Turn = { of: BASH, measure: () => clock.measure(BURST) };
      const turns = [bash, ...lab.peers.map((peer) => toTurn(peer, container))];
      for (const turn of turns) await turn.measure();
      const series = await inTurns(turns, { rounds: lab.rounds(25), unit: "ms" });
      return { series, claims: claims(lab, series) };
    } finally {
      await clock.stop();
    }
  },
};

function toTurn(peer: Peer, container: string): Turn {
  return {
    of: peer.name,
    measure: async () => {
      const figures: number[] = [];
      for (let count = 0; count < BURST; count++)
        figures.push(await timed(() => sayHello(peer, container)));
      return figures;
    },
  };
}

function claims({ raw, deckhand }: Lab, series: readonly Series[]): readonly Claim[] {
  const ours = medianOf(series, deckhand.name);
  return [
    {
      what: "p50 against bash itself",
      figure: ours / medianOf(series, BASH),
      unit: "x as long",
      bound: { atMost: 2.5 },
    },
    {
      what: "p50 against a raw engine exec",
      figure: medianOf(series, raw.name) / ours,
      unit: "x faster",
      bound: { atLeast: 12 },
    },
  ];
}
