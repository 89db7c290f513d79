import { type GuardLink, type LinkOptions, openLink, WayImpossible } from "../guard-link.ts";
import type { Entrance, Way } from "./way.ts";

/** A container that refused all ways is asked again after this long. */
const ASK_AGAIN_MS = 60_000;

export interface TriedWay {
  readonly way: Way["name"];
  /** Why it does not work. */
  readonly problem: string;
}

/** There is no way for the guard into this container. */
export class NoWay extends Error {
  readonly tried: readonly TriedWay[];

  constructor(tried: readonly TriedWay[]) {
    super(tried.map(({ way, problem }) => `${way}: ${problem}`).join("; "));
    this.tried = tried;
  }
}

/** What may be tried on an engine, and what was learned about images, so that a second container of one starts at once. */
export interface WayMemory {
  readonly ways: readonly Way[];
  readonly working: Map<string, Way>;
  readonly failed: Map<string, { readonly error: NoWay; readonly atMs: number }>;
}

export function wayMemory(ways: readonly Way[]): WayMemory {
  return { ways, working: new Map(), failed: new Map() };
}

export interface AnyWayOptions extends Omit<LinkOptions, "way" | "entrance"> {
  /** Images are alike, for one user. */
  readonly imageKey: string;
  readonly containerKey: string;
  readonly memory: WayMemory;
  /** Nothing that was learned counts: all ways are tried, in their order. */
  readonly anew?: boolean;
  /** Is told of each way that does not work, also when a later one does. */
  readonly onTried?: (tried: TriedWay) => void;
}

/** Opens a link by the way that worked for this image before, or by the first that does. Throws NoWay, or as `openLink`. */
export async function openByAnyWay(options: AnyWayOptions): Promise<GuardLink> {
  const { memory, imageKey, containerKey } = options;
  const known = options.anew ? undefined : memory.working.get(imageKey);
  const failed = options.anew ? undefined : memory.failed.get(containerKey);
  if (!known && failed && performance.now() - failed.atMs < ASK_AGAIN_MS) throw failed.error;
  const tried: TriedWay[] = [];
  const others = memory.ways.filter((one) => one !== known);
  for (const way of known ? [known, ...others] : others) {
    try {
      const link = await openByWay(options, way);
      memory.working.set(imageKey, way);
      memory.failed.delete(containerKey);
      return link;
    } catch (error) {
      if (!(error instanceof WayImpossible) || options.signal.aborted) throw error;
      const failure = { way: way.name, problem: error.message };
      tried.push(failure);
      options.onTried?.(failure);
    }
  }
  const error = new NoWay(tried);
  memory.failed.set(containerKey, { error, atMs: performance.now() });
  throw error;
}

async function openByWay(options: AnyWayOptions, way: Way): Promise<GuardLink> {
  if (way.find) {
    try {
      return await openThrough(options, way.name, await way.find(options));
    } catch (error) {
      if (!way.bring || !(error instanceof WayImpossible)) throw error;
    }
  }
  if (!way.bring) throw new WayImpossible("it brings nothing");
  return openThrough(options, way.name, await way.bring(options));
}

async function openThrough(
  options: AnyWayOptions,
  way: Way["name"],
  entrance: Entrance,
): Promise<GuardLink> {
  try {
    return await openLink({ ...options, way, entrance });
  } finally {
    entrance.leave?.();
  }
}
