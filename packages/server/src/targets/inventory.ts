import { isAppError } from "@deckhand/core";
import type { Engine, EngineContainer, EngineEvent } from "../engines/engine.ts";
import { eventReplay } from "./event-replay.ts";

export interface InventoryOptions {
  readonly engine: Engine;
  /** Events are hints that can be lost, so everything is read again this often. */
  readonly rereadMs?: number;
}

export interface InventorySnapshot {
  readonly containers: readonly EngineContainer[];
  readonly state: "connecting" | "up" | "down";
  /** Why it is down. */
  readonly problem: string | undefined;
}

export interface CatchUpOptions {
  /** Whether what an engine may not have told yet counts too, though it costs a read where events come late. */
  readonly untold: boolean;
}

/** The containers of one engine that run, as far as it lets us see, fresh within a moment. */
export interface Inventory {
  snapshot(): InventorySnapshot;
  /** Resolves when the engine was read once or its first read failed, or the time is up. */
  ready(timeoutMs: number): Promise<void>;
  /** Reads everything again now. */
  refresh(): Promise<void>;
  /** Resolves when what events have told so far was read: at once when nothing is left of it. */
  catchUp(options: CatchUpOptions): Promise<void>;
  /** Calls back after each change; the returned function ends that. */
  subscribe(listener: () => void): () => void;
  /** Hands each event on once; what happened while the connection was away comes late, as far as the engine remembers it. */
  onEvent(listener: (event: EngineEvent) => void): void;
  close(): void;
}

const REREAD_MS = 10_000;
const SHORTEST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 5_000;
const INSPECTED_AT_ONCE = 8;
/** Events that come together are answered by one read. */
const SETTLE_MS = 30;
/** A busy engine tells of a new name before it lists it. */
const LOOK_AGAIN_MS = 1_000;
/** Every so many periodic reads nothing that is known is trusted. */
const READS_PER_FULL_READ = 6;

export function engineInventory({ engine, rereadMs = REREAD_MS }: InventoryOptions): Inventory {
  const closing = new AbortController();
  const listeners = new Set<() => void>();
  const eventListeners = new Set<(event: EngineEvent) => void>();
  const replay = eventReplay(() => performance.now());
  const firstRead = Promise.withResolvers<void>();
  let snapshot: InventorySnapshot = { containers: [], state: "connecting", problem: undefined };
  /** What is to be inspected although it is known: a list does not tell when a container started. */
  const stale = new Set<string>();
  let allStale = true;
  let reading: Promise<void> | undefined;
  let readAgain = false;
  /** Counts what says that something may have changed. */
  let heardChanges = 0;
  /** How much of that had been heard when the last read began. */
  let readChanges = 0;
  let readEnded = Promise.withResolvers<void>();

  function show(next: InventorySnapshot): void {
    snapshot = next;
    firstRead.resolve();
    for (const listener of listeners) listener();
  }

  /** One read at a time; a wish during a read is answered by one more read after it. */
  function refresh(): Promise<void> {
    if (reading) {
      readAgain = true;
      return reading;
    }
    reading = readRepeatedly().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  async function readRepeatedly(): Promise<void> {
    do {
      readAgain = false;
      await read();
    } while (readAgain && !closing.signal.aborted);
  }

  /** Gives what is known and can be trusted, and forgets what is stale. */
  function takeTrusted(): ReadonlyMap<string, EngineContainer> {
    const trusted = allStale ? [] : snapshot.containers.filter(({ id }) => !stale.has(id));
    stale.clear();
    allStale = false;
    return new Map(trusted.map((container) => [container.id, container]));
  }

  /** A read that fails answers too: the snapshot says then that the engine is down. */
  async function read(): Promise<void> {
    const heard = heardChanges;
    try {
      const containers = await readContainers(engine, takeTrusted());
      if (!closing.signal.aborted) show({ containers, state: "up", problem: undefined });
    } catch (error) {
      allStale = true;
      if (!closing.signal.aborted) show({ ...snapshot, state: "down", problem: toProblem(error) });
    }
    readChanges = heard;
    readEnded.resolve();
    readEnded = Promise.withResolvers();
  }

  /** Waits for the read that is under way and one more at most, whatever else is told meanwhile. */
  async function catchUp({ untold }: CatchUpOptions): Promise<void> {
    if (snapshot.state !== "up") return;
    if (untold && (await tellsLate(engine))) heardChanges += 1;
    const heard = heardChanges;
    while (readChanges < heard && !closing.signal.aborted) {
      const ended = readEnded.promise;
      void refresh();
      await ended;
    }
  }

  function refreshAll(): void {
    allStale = true;
    heardChanges += 1;
    void refresh();
  }

  /** Follows events for as long as the connection lasts. */
  async function follow(): Promise<void> {
    const events = engine.events({
      signal: closing.signal,
      since: replay.since(),
      onOpen: (engineTime) => {
        replay.opened(engineTime);
        refreshAll();
      },
    });
    let settling: NodeJS.Timeout | undefined;
    let lookingAgain: NodeJS.Timeout | undefined;
    for await (const event of events) {
      if (!replay.take(event)) continue;
      stale.add(event.containerId);
      heardChanges += 1;
      for (const listener of eventListeners) listener(event);
      settling ??= setTimeout(() => {
        settling = undefined;
        void refresh();
      }, SETTLE_MS);
      clearTimeout(lookingAgain);
      lookingAgain = setTimeout(() => void refresh(), LOOK_AGAIN_MS).unref();
    }
  }

  async function keepFollowing(): Promise<void> {
    for (let backoffMs = SHORTEST_BACKOFF_MS; !closing.signal.aborted; ) {
      const from = performance.now();
      await follow().catch(() => undefined);
      if (closing.signal.aborted) return;
      await refresh();
      const lasted = performance.now() - from > LONGEST_BACKOFF_MS;
      backoffMs = lasted ? SHORTEST_BACKOFF_MS : Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      await delay(backoffMs * (0.5 + Math.random() / 2), closing.signal);
    }
  }

  let reads = 0;
  const rereads = setInterval(() => {
    reads += 1;
    if (reads % READS_PER_FULL_READ === 0) allStale = true;
    void refresh();
  }, rereadMs);
  void keepFollowing();

  return {
    snapshot: () => snapshot,
    ready: (timeoutMs) => Promise.race([firstRead.promise, delay(timeoutMs, closing.signal)]),
    refresh,
    catchUp,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onEvent: (listener) => void eventListeners.add(listener),
    close: () => {
      closing.abort();
      clearInterval(rereads);
      listeners.clear();
      eventListeners.clear();
    },
  };
}

/** Podman looks for new events four times a second, and lists what they tell of before that. */
async function tellsLate(engine: Engine): Promise<boolean> {
  return (await engine.version()).product === "podman";
}

/** Lists the containers and inspects those that are new or not to be trusted. */
async function readContainers(
  engine: Engine,
  trusted: ReadonlyMap<string, EngineContainer>,
): Promise<readonly EngineContainer[]> {
  const rest = (await engine.listContainers()).map((container, index) => ({ container, index }));
  const detailed: EngineContainer[] = [];
  const workers = Array.from({ length: INSPECTED_AT_ONCE }, async () => {
    for (let next = rest.shift(); next; next = rest.shift()) {
      const known = trusted.get(next.container.id);
      detailed[next.index] = known
        ? withKnown(next.container, known)
        : await inspected(engine, next.container);
    }
  });
  await Promise.all(workers);
  return detailed;
}

/** Podman lists no health, and Docker none of a container that is paused. */
function withKnown(container: EngineContainer, known: EngineContainer): EngineContainer {
  return { ...container, startedAt: known.startedAt, health: container.health ?? known.health };
}

/** A container that ended in between keeps what the list said. */
async function inspected(engine: Engine, container: EngineContainer): Promise<EngineContainer> {
  const detail = await engine.findContainer(container.id);
  return { ...container, startedAt: detail?.startedAt, health: detail?.health ?? container.health };
}

function toProblem(error: unknown): string {
  return isAppError(error)
    ? error.message
    : `The engine's answer can not be read: ${String(error)}`;
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
