import { type Peer, inParallel } from "../peers/peer.ts";
import { timed } from "../statistics.ts";
import { type BenchCase, inTurns } from "./case.ts";

const ONE_LINE = "echo hello";
const AT_ONCE = 16;
const STREAM_BYTES = 256 * 1024 * 1024;

function first(containers: readonly string[]): string {
  return containers[0] ?? "";
}

async function mustSayHello(peer: Peer, container: string): Promise<void> {
  const said = await peer.run(container, ONE_LINE);
  if (said !== "hello\n") throw new Error(`${peer.name} gave ${JSON.stringify(said)}`);
}

export const CASES: readonly BenchCase[] = [
  {
    name: "latency",
    unit: "ms for a one-line bash script",
    better: "lower",
    measure: (peers, { containers, effort }) =>
      inTurns(peers, Math.ceil(40 * effort), (peer) =>
        timed(() => mustSayHello(peer, first(containers))),
      ),
  },
  {
    name: "throughput",
    unit: "runs a second, 16 at once in 4 containers",
    better: "higher",
    measure: (peers, { containers, effort }) =>
      inTurns(peers, Math.ceil(3 * effort), async (peer) => {
        const places = Array.from({ length: 64 }, (_, index) => containers[index % 4] ?? "");
        const ms = await timed(() =>
          inParallel(places, AT_ONCE, (container) => mustSayHello(peer, container)),
        );
        return places.length / (ms / 1000);
      }),
  },
  {
    name: "fan-out",
    unit: "ms for one script on every container",
    better: "lower",
    measure: (peers, { containers, effort }) =>
      inTurns(peers, Math.ceil(3 * effort), (peer) =>
        timed(() => peer.runOnAll(containers, ONE_LINE)),
      ),
  },
  {
    name: "streaming",
    unit: "MiB a second, 256 MiB to one reader",
    better: "higher",
    measure: (peers, { containers, effort }) =>
      inTurns(peers, Math.ceil(2 * effort), async (peer) => {
        const ms = await timed(() => peer.stream(first(containers), STREAM_BYTES));
        return STREAM_BYTES / 1024 ** 2 / (ms / 1000);
      }),
  },
  {
    name: "cold start",
    unit: "ms for the first run in a new container",
    better: "lower",
    measure: (peers, field) =>
      inTurns(peers, Math.ceil(5 * field.effort), async (peer) => {
        const container = await field.newContainer();
        return timed(() => mustSayHello(peer, container));
      }),
  },
];
