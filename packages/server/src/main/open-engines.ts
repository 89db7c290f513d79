import { AppError, type EngineView, type Guarantees, type OutcomeReason } from "@deckhand/core";
import type { Config, EngineConfig } from "../config/config.ts";
import { discoverEngine } from "../engines/discover-engine.ts";
import { dockerEngine } from "../engines/docker/docker-engine.ts";
import {
  type ContainerHealth,
  type ContainerStatus,
  type Engine,
  type EngineContainer,
  type EngineContainerDetail,
  type EngineEvent,
  type EngineVersion,
  SIDECAR_LABEL,
} from "../engines/engine.ts";
import type { Logger } from "pino";
import type { WatchedContainer } from "../runs/execution-deps.ts";
import type { CpuReader } from "../runs/read-cpu-percents.ts";
import { attachedSession } from "../sessions/attached/attached-session.ts";
import { type GuardedSessions, guardedSessions } from "../guard/guarded-sessions.ts";
import { allowedWays } from "../guard/ways/allowed-ways.ts";
import { removeLeftSidecars, sidecarOwner } from "../guard/ways/sidecar.ts";
import type { LabelEngine } from "../schedules/labels/label-directory.ts";
import { filedSession } from "../sessions/filed/filed-session.ts";
import { DIRECT_GUARANTEES } from "../sessions/direct/direct-execution.ts";
import type { ContainerPlace, Examiner } from "../sessions/examination.ts";
import type { Session } from "../sessions/session.ts";
import { type CatchUpOptions, engineInventory, type Inventory } from "../targets/inventory.ts";
import { targetDirectory, type TargetDirectory } from "../targets/target-directory.ts";
import { watchContainer } from "./watch-container.ts";

const REFRESH_WITHIN_MS = 3_000;
const FALLBACK_ADDRESS = "unix:///var/run/docker.sock";

/** One engine with what watches it and what runs in its containers. */
interface OpenEngine {
  readonly engine: Engine;
  readonly inventory: Inventory;
  readonly session: GuardedSessions;
}

/** Every configured engine, watched. */
export interface OpenEngines {
  readonly targets: TargetDirectory;
  findSession(name: string): Session | undefined;
  findExaminer(name: string): Examiner | undefined;
  /** What holds for an execution that starts now; `undefined` where the way into the container has to be opened first. */
  findOpenWay(name: string, place: ContainerPlace): Guarantees | undefined;
  /** Asks the engine now; throws when it does not answer, or is not one of ours. */
  inspect(
    engine: string,
    containerId: string,
    signal: AbortSignal,
  ): Promise<EngineContainerDetail | undefined>;
  /** Gives the status of a container that is there and does not run, on any engine. */
  findStopped(name: string): Promise<string | undefined>;
  /** Asks the engine how much of the CPU a target's container has used. */
  readCpu: CpuReader;
  watchContainer(place: WatchedContainer, onEnd: (reason: OutcomeReason) => void): () => void;
  list(): Promise<EngineView[]>;
  /** Sentences about engines that can not be used now. */
  problems(): string[];
  /** Reads all of them again now, within a bound. */
  refresh(): Promise<void>;
  /** Waits until the targets are those after every event so far, within a bound. */
  catchUp(options: CatchUpOptions): Promise<void>;
  /** Waits until each was read once, or the time is up. */
  ready(timeoutMs: number): Promise<void>;
  /** Calls back when any engine's state or containers changed. */
  subscribe(listener: () => void): void;
  /** Those whose containers may say by their labels what runs in them, and when. */
  readonly labelEngines: readonly LabelEngine[];
  /** Hands on what happens to containers, once; not to helpers of ours. */
  onEvent(listener: (engine: string, event: EngineEvent) => void): void;
  /** Asks the engine now. */
  findHealth(engine: string, containerId: string): Promise<ContainerHealth | undefined>;
  /** By name: 1 while it answers. */
  up(): ReadonlyMap<string, boolean>;
  /** Lets go of what runs by guards; it goes on, and the next server process takes it up. */
  detach(): void;
  close(): void;
}

export interface OpenEnginesOptions {
  /** Names and secrets of the guards come from it. */
  readonly guardKey: Uint8Array;
  /** Tells whether anybody still waits for an execution that a guard holds. */
  readonly isWanted: (executionId: string) => Promise<boolean>;
  readonly logger: Logger;
}

export async function openEngines(
  config: Config,
  options: OpenEnginesOptions,
): Promise<OpenEngines> {
  const opened = new Map<string, OpenEngine>();
  for (const [name, engineConfig] of Object.entries(config.engines)) {
    const engine = await toDockerEngine(name, engineConfig, config);
    const mostResting = config.limits.restingConnectionsPerEngine;
    opened.set(name, openEngine(engine, engineConfig, { ...options, mostResting }));
  }
  const all = [...opened.values()];
  const sources = all.map(({ engine, inventory }) => ({
    engine: engine.name,
    containers: () => inventory.snapshot().containers.filter(isTarget),
  }));
  return {
    targets: targetDirectory(sources),
    labelEngines: sources
      .filter(({ engine }) => config.engines[engine]?.schedulesFromLabels === true)
      .map(({ engine, containers }) =>
        toLabelEngine((opened.get(engine) as OpenEngine).engine, containers),
      ),
    findSession: (name) => opened.get(name)?.session,
    findExaminer: (name) => opened.get(name)?.session,
    findOpenWay: (name, place) => opened.get(name)?.session.findOpenWay(place),
    inspect: async (name, containerId, signal) => {
      const { engine } = opened.get(name) ?? {};
      if (engine) return engine.findContainer(containerId, within(signal));
      throw new AppError("ENGINE_NOT_FOUND", { detail: `There is no engine ${name}.` });
    },
    findStopped: async (name) => {
      const found = await Promise.all(all.map(({ engine }) => findStopped(engine, name)));
      return found.find((status) => status !== undefined);
    },
    readCpu: async ({ engine, containerId }, signal) => {
      const usage = await opened.get(engine)?.engine.findUsage(containerId, signal);
      return usage && { atMs: usage.at.getTime(), cpuMs: usage.cpuMs };
    },
    watchContainer: (place, onEnd) => {
      const engine = opened.get(place.engine);
      return engine ? watchContainer(toWatchSource(engine), place, onEnd) : () => {};
    },
    list: () => Promise.all(all.map(toView)),
    problems: () => all.flatMap(toProblems),
    refresh: () => withinBound(all.map(({ inventory }) => inventory.refresh())),
    catchUp: (options) => withinBound(all.map(({ inventory }) => inventory.catchUp(options))),
    ready: async (timeoutMs) =>
      void (await Promise.all(all.map(({ inventory }) => inventory.ready(timeoutMs)))),
    subscribe: (listener) => {
      for (const { inventory } of all) inventory.subscribe(listener);
    },
    onEvent: (listener) => {
      for (const { engine, inventory } of all)
        inventory.onEvent((event) => {
          if (event.labels[SIDECAR_LABEL] === undefined) listener(engine.name, event);
        });
    },
    findHealth: async (name, containerId) => {
      const signal = AbortSignal.timeout(REFRESH_WITHIN_MS);
      return (await opened.get(name)?.engine.findContainer(containerId, signal))?.health;
    },
    up: () =>
      new Map(
        all.map(({ engine, inventory }) => [engine.name, inventory.snapshot().state === "up"]),
      ),
    detach: () => {
      for (const { session } of all) session.close();
    },
    close: () => {
      for (const { engine, inventory, session } of all) {
        session.close();
        inventory.close();
        engine.close();
      }
    },
  };
}

/** Waits no longer than an engine that hangs may hold a request up. */
async function withinBound(reads: readonly Promise<void>[]): Promise<void> {
  const bound = Promise.withResolvers<void>();
  const timer = setTimeout(bound.resolve, REFRESH_WITHIN_MS);
  await Promise.race([Promise.all(reads), bound.promise]);
  clearTimeout(timer);
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REFRESH_WITHIN_MS)]);
}

async function toDockerEngine(
  name: string,
  { address, tls }: EngineConfig,
  config: Config,
): Promise<Engine> {
  if (address !== "auto") {
    const files = tls && { caPath: tls.ca, certPath: tls.cert, keyPath: tls.key };
    return dockerEngine({ name, address, tls: files });
  }
  const found = await discoverEngine(config.discovery);
  return dockerEngine({ name, address: found?.address ?? FALLBACK_ADDRESS, tls: found?.tls });
}

function openEngine(
  engine: Engine,
  { directExec, guard }: EngineConfig,
  {
    guardKey,
    isWanted,
    logger,
    mostResting,
  }: OpenEnginesOptions & { readonly mostResting: number },
): OpenEngine {
  const fallback = filedSession({ engine, fallback: attachedSession({ engine, directExec }) });
  const owner = sidecarOwner(guardKey);
  if (guard.sidecarImage)
    // An engine that is away removes them by itself, a minute after they were started.
    void removeLeftSidecars(engine, owner).catch(() => undefined);
  const session = guardedSessions({
    engine,
    ways: allowedWays(guard, owner),
    fallback,
    withoutShell: directExec ? DIRECT_GUARANTEES : undefined,
    key: guardKey,
    mostResting,
    isWanted,
    onFallback: ({ containerId, user }, why) =>
      logger.warn({ engine: engine.name, containerId, user, why }, "the guard can not be used"),
  });
  return {
    engine,
    inventory: engineInventory({ engine }),
    session: {
      ...session,
      close: () => {
        session.close();
        fallback.close();
      },
    },
  };
}

function isTarget({ labels }: EngineContainer): boolean {
  return labels[SIDECAR_LABEL] === undefined;
}

/** As engines allow names; anything else would be asked for under another address. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const STOPPED: ReadonlySet<string> = new Set<ContainerStatus>(["created", "exited", "dead"]);

async function findStopped(engine: Engine, name: string): Promise<string | undefined> {
  if (!CONTAINER_NAME.test(name)) return undefined;
  const signal = AbortSignal.timeout(REFRESH_WITHIN_MS);
  const status = await engine.findContainer(name, signal).then(
    (container) => container?.status,
    () => undefined,
  );
  return status !== undefined && STOPPED.has(status) ? status : undefined;
}

/** What an image was built with never changes. */
function toLabelEngine(engine: Engine, containers: LabelEngine["containers"]): LabelEngine {
  const known = new Map<string, Awaited<ReturnType<Engine["findImageLabels"]>>>();
  return {
    name: engine.name,
    containers,
    findImageLabels: async (imageId) => {
      const labels = known.get(imageId) ?? (await engine.findImageLabels(imageId));
      known.set(imageId, labels);
      return labels;
    },
  };
}

function toWatchSource({ inventory }: OpenEngine) {
  return {
    find: (containerId: string) =>
      inventory.snapshot().containers.find(({ id }) => id === containerId),
    isUp: () => inventory.snapshot().state !== "down",
    subscribe: inventory.subscribe,
  };
}

function toProblems({ engine, inventory }: OpenEngine): string[] {
  const { state, problem } = inventory.snapshot();
  if (state === "up") return [];
  return [problem ?? `The engine ${engine.name} at ${engine.address} has not answered yet.`];
}

async function toView({ engine, inventory }: OpenEngine): Promise<EngineView> {
  const { state, problem, containers } = inventory.snapshot();
  const version: EngineVersion | undefined =
    state === "up" ? await engine.version().catch(() => undefined) : undefined;
  return {
    name: engine.name,
    address: engine.address,
    product: version?.product ?? null,
    version: version?.version ?? null,
    apiVersion: version?.apiVersion ?? null,
    state,
    problem: problem ?? null,
    targets: containers.filter(isTarget).length,
  };
}
