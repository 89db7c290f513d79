import type { OutcomeReason } from "@deckhand/core";
import type { Engine } from "../engines/engine.ts";
import type { ByteCounts, ExecutionSpec } from "../sessions/session.ts";
import type { ClientFrame, GuardFrame } from "./frames.ts";
import { GuardExecution } from "./guard-execution.ts";
import type { GuardAddress, GuardLink } from "./guard-link.ts";
import type { GuardProgram } from "./guard-program.ts";
import type { RestingLinks } from "./resting-links.ts";
import { NoWay, openByAnyWay, type TriedWay, type WayMemory } from "./ways/open-by-any-way.ts";

const OPEN_WITHIN_MS = 20_000;
const RECONNECT_AFTER_MS = 50;
const RECONNECT_AT_MOST_AFTER_MS = 2_000;

export interface GuardSessionOptions {
  readonly engine: Engine;
  readonly containerId: string;
  readonly user: string;
  readonly address: GuardAddress;
  readonly program: GuardProgram;
  readonly memory: WayMemory;
  /** Where the connection is while nothing uses it. */
  readonly resting: RestingLinks;
  /** Tells whether anybody still waits for this execution; what nobody waits for is ended in the guard. */
  readonly isWanted: (executionId: string) => Promise<boolean>;
  /** Nothing is open any more and nothing is under way. */
  readonly onIdle: () => void;
}

/** How a connection came about. */
export interface OpenedWay {
  readonly link: GuardLink;
  /** What did not work before it did. */
  readonly tried: readonly TriedWay[];
  /** False when the guard was started for it. */
  readonly wasThere: boolean;
}

/** One guard: a container and a user. Connects on first use, stays connected while used, and again after a loss. */
export class GuardSession {
  readonly #options: GuardSessionOptions;
  readonly #executions = new Map<number, GuardExecution>();
  #link: GuardLink | undefined;
  #opening: Promise<GuardLink> | undefined;
  #tried: readonly TriedWay[] = [];
  #reconnecting = false;
  #instance: string | undefined;
  #startedAt: string | undefined;
  #lastChannel = 0;
  #closed = false;
  readonly #closing = new AbortController();

  constructor(options: GuardSessionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#link !== undefined;
  }

  /** Makes sure of the connection. Throws NoWay, or the engine's AppError. */
  async open({ anew = false } = {}): Promise<GuardLink> {
    const link = this.#link ?? (await this.#openOnce(anew));
    // What it is opened for may never come.
    if (this.#executions.size === 0) this.#rest();
    return link;
  }

  /** Tells how the connection came about; where there is none, all ways are tried. Throws as `open`. */
  async examine(): Promise<OpenedWay> {
    const wasOpen = this.#link !== undefined;
    const link = await this.open({ anew: true });
    return { link, tried: this.#tried, wasThere: wasOpen || !link.startedGuard };
  }

  /** Sends the start; the execution's first answer says how it came out. */
  start(spec: ExecutionSpec): GuardExecution {
    return this.#add(spec, undefined);
  }

  /** Takes up one that an earlier server process started. */
  resume(spec: ExecutionSpec, received: ByteCounts): GuardExecution {
    return this.#add(spec, received);
  }

  /** Lets go of everything; what runs in the guard goes on. */
  close(): void {
    this.#closed = true;
    this.#closing.abort();
    this.#options.resting.remove(this);
    for (const execution of this.#executions.values()) execution.detach();
    this.#link?.close();
  }

  #add(spec: ExecutionSpec, received: ByteCounts | undefined): GuardExecution {
    this.#options.resting.remove(this);
    this.#lastChannel += 1;
    const channel = this.#lastChannel;
    const execution = new GuardExecution({
      spec,
      channel,
      received,
      send: (frame: ClientFrame) => this.#link?.send(frame),
      onClosed: () => this.#forget(channel),
      isPaused: async () => (await this.#look())?.status === "paused",
    });
    this.#executions.set(channel, execution);
    if (this.#link) execution.connect();
    else this.#reconnect();
    return execution;
  }

  #forget(channel: number): void {
    this.#executions.delete(channel);
    if (this.#executions.size > 0 || this.#closed) return;
    this.#rest();
    if (!this.#link && !this.#opening) this.#options.onIdle();
  }

  /** Stays connected for a while, for what may come. */
  #rest(): void {
    if (this.#link) this.#options.resting.add(this, () => this.#link?.close());
  }

  #openOnce(anew: boolean): Promise<GuardLink> {
    this.#opening ??= this.#open(anew).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(anew: boolean): Promise<GuardLink> {
    const { engine, containerId, user } = this.#options;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(OPEN_WITHIN_MS)]);
    const container = await engine.findContainer(containerId, signal);
    const tried: TriedWay[] = [];
    const link = await openByAnyWay({
      ...this.#options,
      imageKey: `${container?.imageId}|${user}`,
      containerKey: `${containerId}|${container?.startedAt}|${user}`,
      anew,
      onTried: (way) => tried.push(way),
      signal,
    });
    this.#tried = tried;
    const before = this.#startedAt;
    this.#startedAt = container?.startedAt;
    this.#connected(link, before);
    return link;
  }

  /** `before`: when the container of the last connection had started. */
  #connected(link: GuardLink, before: string | undefined): void {
    const isOther = this.#instance !== undefined && this.#instance !== link.hello.instance;
    this.#link = link;
    this.#instance = link.hello.instance;
    link.listen({
      onFrame: (frame) => this.#take(link, frame),
      onEnd: () => this.#ended(link),
    });
    for (const execution of this.#executions.values()) {
      // What an earlier guard may have started can not be started again.
      if (isOther && execution.wasSent) void this.#lose(execution, before);
      else execution.connect();
    }
    if (!link.startedGuard) link.send({ type: "list" });
  }

  #take(link: GuardLink, frame: GuardFrame): void {
    if ("channel" in frame) {
      const execution = this.#executions.get(frame.channel);
      if (frame.type === "unknown" && execution) void this.#lose(execution, this.#startedAt);
      else execution?.take(frame);
    } else if (frame.type === "state") {
      void this.#endUnwanted(link, frame.id);
    }
  }

  /** Ends what an earlier server process left in the guard and nobody waits for any more. */
  async #endUnwanted(link: GuardLink, id: string): Promise<void> {
    const isOurs = () => [...this.#executions.values()].some((execution) => execution.id === id);
    if (isOurs() || (await this.#options.isWanted(id).catch(() => true)) || isOurs()) return;
    this.#lastChannel += 1;
    const channel = this.#lastChannel;
    link.send({ type: "attach", channel, id, offsets: { stdout: 0, stderr: 0 } });
    link.send({ type: "stop", channel, graceMs: 1_000 });
    link.send({ type: "release", id });
  }

  #ended(link: GuardLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#options.resting.remove(this);
    if (this.#closed) return;
    const waiting = [...this.#executions.values()].filter((execution) => !execution.isOver);
    if (waiting.length > 0) this.#reconnect();
    else if (this.#executions.size === 0) this.#options.onIdle();
  }

  #reconnect(): void {
    if (this.#reconnecting) return;
    this.#reconnecting = true;
    void this.#reconnectUntilDone().finally(() => {
      this.#reconnecting = false;
    });
  }

  async #reconnectUntilDone(): Promise<void> {
    for (let wait = RECONNECT_AFTER_MS; this.#needsLink(); ) {
      try {
        await this.open();
      } catch (error) {
        if (!(error instanceof NoWay)) await this.#loseIfEnded();
        await delay(wait + Math.random() * wait);
        wait = Math.min(wait * 2, RECONNECT_AT_MOST_AFTER_MS);
      }
    }
    if (this.#executions.size === 0 && !this.#link && !this.#closed) this.#options.onIdle();
  }

  #needsLink(): boolean {
    if (this.#closed || this.#link) return false;
    return [...this.#executions.values()].some((execution) => !execution.isOver);
  }

  async #loseIfEnded(): Promise<void> {
    for (const execution of this.#executions.values()) {
      const reason = await this.#findEnd(execution.spec, this.#startedAt);
      if (reason) execution.lose(reason);
    }
  }

  /** The guard does not know it (any more): its container ended, or somebody killed the guard. */
  async #lose(execution: GuardExecution, lastStartedAt: string | undefined): Promise<void> {
    const reason = await this.#findEnd(execution.spec, lastStartedAt);
    execution.forgotten(
      reason ?? {
        code: "guard-gone",
        detail: "The guard in the container, which held the script, was killed.",
      },
    );
  }

  /** `undefined` while the container that the execution belongs to runs, or nobody can tell. */
  async #findEnd(
    spec: ExecutionSpec,
    lastStartedAt: string | undefined,
  ): Promise<OutcomeReason | undefined> {
    try {
      const container = await this.#options.engine.findContainer(
        this.#options.containerId,
        AbortSignal.timeout(5_000),
      );
      if (!container)
        return {
          code: "container-gone",
          detail: "The container was removed while the script ran.",
        };
      const { status, exitCode, oomKilled, startedAt } = container;
      if (!["running", "paused", "restarting"].includes(status)) {
        const how = `The container is ${status} (exit code ${exitCode}); the script ended with it.`;
        return oomKilled
          ? { code: "out-of-memory", detail: `The container ran out of memory. ${how}` }
          : { code: "container-stopped", detail: how };
      }
      const before = spec.containerStartedAt ?? lastStartedAt;
      if (before === undefined || Date.parse(startedAt) === Date.parse(before)) return undefined;
      const detail = "The container was restarted while the script ran.";
      return { code: "container-restarted", detail };
    } catch {
      return undefined;
    }
  }

  async #look() {
    return this.#options.engine
      .findContainer(this.#options.containerId, AbortSignal.timeout(5_000))
      .catch(() => undefined);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
