import type { OutcomeReason } from "@deckhand/core";
import type { WatchedContainer } from "../runs/execution-deps.ts";

/** What an inventory knows of one container at this moment. */
export interface SeenContainer {
  readonly status: string;
  readonly startedAt: string | undefined;
}

export interface ContainerWatchSource {
  /** `undefined` when the engine has no such container; only asked while the engine is up. */
  find(containerId: string): SeenContainer | undefined;
  /** False while the engine can not be seen: then nothing is known. */
  isUp(): boolean;
  subscribe(listener: () => void): () => void;
}

/** The session sees an end by itself as a rule; this is for streams that never end. */
const DRAIN_MS = 3_000;
/** How long an engine may be away before we say that we can not know. */
const ENGINE_AWAY_MS = 6_000;

/** Calls back once when the container ended, or is another incarnation, or its engine stays away. */
export function watchContainer(
  source: ContainerWatchSource,
  place: WatchedContainer,
  onEnd: (reason: OutcomeReason) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let pending: OutcomeReason["code"] | undefined;
  const away = place.waitsForEngine ? undefined : AWAY;

  function look(): void {
    const reason = source.isUp() ? toEnd(source.find(place.containerId), place) : away;
    if (reason?.code === pending) return;
    clearTimeout(timer);
    pending = reason?.code;
    if (!reason) return;
    timer = setTimeout(() => onEnd(reason), reason === AWAY ? ENGINE_AWAY_MS : DRAIN_MS);
  }

  const unsubscribe = source.subscribe(look);
  look();
  return () => {
    clearTimeout(timer);
    unsubscribe();
  };
}

const AWAY: OutcomeReason = { code: "engine-unreachable", detail: "The engine does not answer." };

function toEnd(
  seen: SeenContainer | undefined,
  place: WatchedContainer,
): OutcomeReason | undefined {
  if (!seen)
    return { code: "container-gone", detail: "The container was removed while the script ran." };
  if (seen.status !== "running" && seen.status !== "paused") {
    return {
      code: "container-stopped",
      detail: `The container is ${seen.status}; the script ended with it.`,
    };
  }
  if (isOther(seen.startedAt, place.startedAt)) {
    return {
      code: "container-restarted",
      detail: "The container was restarted while the script ran.",
    };
  }
  return undefined;
}

/** Times are compared in milliseconds, which is what the wire has. */
function isOther(now: string | undefined, before: string | undefined): boolean {
  if (now === undefined || before === undefined) return false;
  return Date.parse(now) !== Date.parse(before);
}
