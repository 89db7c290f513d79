import { createHash } from "node:crypto";
import type { Target } from "@deckhand/core";
import type { EngineContainer, EngineEvent } from "../engines/engine.ts";

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
  /** An inventory makes a new object of what changed, so thousands that did not are not made anew for each question. */
  const known = new WeakMap<EngineContainer, Target>();
  const toKnown = (engine: string, container: EngineContainer): Target => {
    const target = known.get(container) ?? toTarget(engine, container);
    known.set(container, target);
    return target;
  };
  const list = () =>
    sources.flatMap((source) =>
      source
        .containers()
        .filter((container) => TARGET_STATES.has(container.status))
        .map((container) => toKnown(source.engine, container)),
    );
  return { list, find: (targetId) => list().find((target) => target.id === targetId) };
}

/** The target that an event tells of, as it was then. */
export function targetOfEvent(engine: string, event: EngineEvent): Target {
  const { containerId: id, name, image, labels, health, at: createdAt } = event;
  const container = { id, name, image, labels, health, createdAt, imageId: "" } as const;
  return toTarget(engine, { ...container, status: "running", startedAt: undefined });
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
    ...composeOf(labels),
    labels: { ...labels },
    startedAt: toTimestamp(container.startedAt),
  };
}

const PROJECT_LABELS = [
  "com.docker.compose.project",
  "io.podman.compose.project",
  "com.docker.stack.namespace",
];
const SERVICE_LABELS = [
  "com.docker.compose.service",
  "io.podman.compose.service",
  "com.docker.swarm.service.name",
];

function findLabel(
  labels: Readonly<Record<string, string>>,
  names: readonly string[],
): string | null {
  return names.map((name) => labels[name]).find((value) => value !== undefined) ?? null;
}

/** Which project and service a container says it is of. */
export function composeOf(labels: EngineContainer["labels"]): Pick<Target, "project" | "service"> {
  return {
    project: findLabel(labels, PROJECT_LABELS),
    service: findLabel(labels, SERVICE_LABELS),
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
