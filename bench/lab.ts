import { docker, dockerContainer, type TestContainer } from "../test/support/containers.ts";
import { engines } from "../test/support/engines.ts";
import { deckhand, type DeckhandPeer } from "./peers/deckhand.ts";
import { dockerCommand } from "./peers/docker-command.ts";
import { fastapi } from "./peers/fastapi.ts";
import { type BenchPlace, inParallel, type Peer } from "./peers/peer.ts";
import { rawEngine } from "./peers/raw-engine.ts";

/** What benchmarks work with: the peers, and containers to run in. */
export interface Lab {
  readonly place: BenchPlace;
  /** All that are on this machine, ours among them. */
  readonly peers: readonly Peer[];
  /** What ratios are against. */
  readonly raw: Peer;
  readonly deckhand: DeckhandPeer;
  /** One that stays; the same for all. */
  container(): Promise<string>;
  /** So many that stay, in each of which every peer has run something. */
  warmContainers(count: number): Promise<readonly string[]>;
  /** One where nothing ran before. */
  newContainer(): Promise<string>;
  /** The container's PID 1 as the host numbers it. */
  mainProcess(container: string): Promise<number>;
  /** The number of rounds for the effort that was asked for. */
  rounds(usual: number): number;
  close(): Promise<void>;
}

export interface LabOptions {
  readonly effort: number;
  /** Without the docker command and FastAPI. */
  readonly baseOnly: boolean;
  readonly serverEnv: Readonly<Record<string, string>>;
}

export async function openLab({ effort, baseOnly, serverEnv }: LabOptions): Promise<Lab> {
  const place: BenchPlace = { dockerSocket: engines().docker.socketPath };
  const raw = rawEngine();
  const ours = deckhand({ env: serverEnv });
  const all = baseOnly ? [raw, ours] : [raw, dockerCommand(), fastapi(), ours];
  const made: TestContainer[] = [];
  const kept: string[] = [];
  const peers: Peer[] = [];

  async function newContainer(): Promise<string> {
    const container = await dockerContainer({
      name: "bench",
      image: engines().images.postgres,
      command: ["sleep", "86400"],
    });
    made.push(container);
    return container.name;
  }

  async function warmContainers(count: number): Promise<readonly string[]> {
    while (kept.length < count) kept.push(await newContainer());
    const containers = kept.slice(0, count);
    for (const peer of peers) await peer.runOnAll(containers, "true", 4);
    return containers;
  }

  async function close(): Promise<void> {
    for (const peer of peers) await peer.stop();
    await inParallel(made, 4, (container) => container.remove());
  }

  for (const peer of all) {
    const state = await peer.start(place);
    if (state === "ready") peers.push(peer);
    else console.error(`left out: ${peer.name}: ${state.missing}`);
  }
  return {
    place,
    peers,
    raw,
    deckhand: ours,
    container: async () => (await warmContainers(1))[0] ?? "",
    warmContainers,
    newContainer,
    mainProcess: async (container) =>
      Number(await docker("inspect", "--format", "{{.State.Pid}}", container)),
    rounds: (usual) => Math.max(1, Math.round(usual * effort)),
    close,
  };
}
