import { residentBytes, watchMemory } from "../inside/processes.ts";
import type { Lab } from "../lab.ts";
import { medianOf, timed } from "../statistics.ts";
import { inTurns, type Turn } from "./in-turns.ts";
import type { SpeedPromise } from "./promise.ts";

const MIB = 1024 ** 2;
const BYTES = 1024 * MIB;
const WITH_STALLED = "Deckhand, a second follower stalled";

export const streaming: SpeedPromise = {
  name: "P4",
  title: `${BYTES / MIB} MiB from a script to one reader`,
  measure: async (lab) => {
    const container = await lab.container();
    await lab.deckhand.run(container, "true");
    const before = await residentBytes(lab.deckhand.pid);
    const memory = watchMemory(lab.deckhand.pid);
    const series = await inTurns(turnsOf(lab, container), { rounds: lab.rounds(3), unit: "MiB/s" });
    const grown = ((await memory.stop()) - before) / MIB;
    const ours = medianOf(series, lab.deckhand.name);
    return {
      series,
      claims: [
        {
          what: "to disk and one follower, against the raw engine stream",
          figure: ours / medianOf(series, lab.raw.name),
          unit: "x as fast",
          bound: { atLeast: 0.8 },
        },
        {
          what: "the server's memory grew by",
          figure: grown,
          unit: "MiB",
          bound: { atMost: 64 },
        },
        {
          what: "with a stalled follower beside it, against without",
          figure: medianOf(series, WITH_STALLED) / ours,
          unit: "x as fast",
          bound: { atLeast: 0.9 },
        },
      ],
    };
  },
};

function turnsOf({ peers, deckhand }: Lab, container: string): readonly Turn[] {
  const stream = (of: string, act: () => Promise<void>): Turn => ({
    of,
    measure: async () => {
      const seconds = (await timed(act)) / 1000;
      await deckhand.dropOutput();
      return BYTES / MIB / seconds;
    },
  });
  return [
    ...peers.map((peer) => stream(peer.name, () => peer.stream(container, BYTES))),
    stream(WITH_STALLED, () => deckhand.streamBesideStalled(container, BYTES)),
  ];
}
