import { createHash } from "node:crypto";
import type { Target } from "@deckhand/core";
import type { EngineContainer } from "../engines/engine.ts";

/** Running, paused or restarting: what a script can be sent to now or in a moment. */
const TARGET_STATES: ReadonlySet<string> = new Set<Target["state"]>([
  "running",
  "paused",
  "restarting",
]);

/** What of an inventory is needed to know the targets. */
export interface ContainerSource {
  readonly engine: string;
  containers(): readonly EngineContainer[];
}

/** Every target on every engine, as the inventories see them now. */
export interface TargetDirectory {
  list(): readonly Target[];
  find(targetId: string): Target | undefined;
}

export function targetDirectory(sources: readonly ContainerSource[]): TargetDirectory {
  const list = () =>
    sources.flatMap((source) =>
      source
        .containers()
        .filter((container) => TARGET_STATES.has(container.status))
        .map((container) => toTarget(source.engine, container)),
    );
  return { list, find: (targetId) => list().find((target) => target.id === targetId) };
}

function toTarget(engine: string, container: EngineContainer): Target {
  const { labels } = container;
  return {
    id: toTargetId(engine, container.id),
    name: container.name,
    engine,
    containerId: container.id,
    image: container.image,
    state: container.status as Target["state"],
    health: container.health ?? "none",
    project: labels["com.docker.compose.project"] ?? labels["io.podman.compose.project"] ?? null,
    service: labels["com.docker.compose.service"] ?? labels["io.podman.compose.service"] ?? null,
    labels: { ...labels },
    startedAt: toTimestamp(container.startedAt),
  };
}

/** The same container on the same engine always has the same id. */
export function toTargetId(engine: string, containerId: string): string {
  return `tgt_${createHash("sha256").update(`${engine}/${containerId}`).digest("hex").slice(0, 16)}`;
}

/** Engines write nanoseconds and zones; the wire has milliseconds in UTC. */
function toTimestamp(startedAt: string | undefined): string | null {
  const ms = startedAt === undefined ? Number.NaN : Date.parse(startedAt);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}
