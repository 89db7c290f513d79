import type { ContainerHealth, EngineEvent } from "../engines/engine.ts";
import { targetOfEvent } from "../targets/target-directory.ts";
import type { ContainerEvent } from "./fire-on-event.ts";

export interface ContainerEventsDeps {
  /** Asks the engine, where it does not tell what came of a check. */
  readonly findHealth: (
    engine: string,
    containerId: string,
  ) => Promise<ContainerHealth | undefined>;
  readonly onEvent: (event: ContainerEvent) => void;
  readonly onFault: (error: unknown) => void;
}

/** Turns what engines tell into events, each once: a health that stays as it was is none. */
export interface ContainerEvents {
  /** What is so already is no event. */
  seed(
    containers: Iterable<{
      readonly engine: string;
      readonly containerId: string;
      readonly health: string;
    }>,
  ): void;
  take(engine: string, event: EngineEvent): void;
}

export function containerEvents(deps: ContainerEventsDeps): ContainerEvents {
  const healths = new Map<string, string>();

  function emit(engine: string, event: EngineEvent, kind: ContainerEvent["kind"]): void {
    const { at, exitCode } = event;
    deps.onEvent({ kind, at, exitCode, target: targetOfEvent(engine, event) });
  }

  async function takeHealth(engine: string, event: EngineEvent): Promise<void> {
    const { containerId } = event;
    const health = event.health ?? (await deps.findHealth(engine, containerId));
    const key = `${engine} ${containerId}`;
    if (health === undefined || healths.get(key) === health) return;
    healths.set(key, health);
    if (health !== "starting") emit(engine, event, health);
  }

  return {
    seed: (containers) => {
      for (const { engine, containerId, health } of containers) {
        const key = `${engine} ${containerId}`;
        if (health !== "none" && !healths.has(key)) healths.set(key, health);
      }
    },
    take: (engine, event) => {
      const { kind, containerId } = event;
      if (kind === "start" || kind === "destroy") healths.delete(`${engine} ${containerId}`);
      if (kind === "health") void takeHealth(engine, event).catch(deps.onFault);
      if (kind === "start" || kind === "die" || kind === "oom") emit(engine, event, kind);
    },
  };
}
