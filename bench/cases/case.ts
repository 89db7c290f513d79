import type { Peer } from "../peers/peer.ts";

export interface BenchCase {
  readonly name: string;
  /** What the figure is, with its unit. */
  readonly unit: string;
  readonly better: "lower" | "higher";
  /** Measures every peer in turns, so that all of them see the same machine. */
  measure(
    peers: readonly Peer[],
    field: BenchField,
  ): Promise<ReadonlyMap<string, readonly number[]>>;
}

/** The containers to run in. */
export interface BenchField {
  readonly containers: readonly string[];
  /** A fresh container that nothing ran in before; removed at the end. */
  newContainer(): Promise<string>;
  /** Multiplies the number of rounds. */
  readonly effort: number;
}

/** Asks each peer once a round and keeps its figures by name. */
export async function inTurns(
  peers: readonly Peer[],
  rounds: number,
  measure: (peer: Peer, round: number) => Promise<number>,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const figures = new Map(peers.map((peer) => [peer.name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) figures.get(peer.name)?.push(await measure(peer, round));
  }
  return figures;
}
