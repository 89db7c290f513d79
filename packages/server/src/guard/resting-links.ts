/** Connections that nothing uses, kept for a while for what may come. */
export interface RestingLinks {
  /** Lets it go when its time is over, or when too many rest and it has done so longest; again: as if it came just now. */
  add(owner: object, letGo: () => void): void;
  /** It is used again, or has ended. */
  remove(owner: object): void;
}

export interface RestingLinksOptions {
  readonly most: number;
  readonly forMs: number;
}

interface Resting {
  readonly timer: NodeJS.Timeout;
  readonly letGo: () => void;
}

export function restingLinks({ most, forMs }: RestingLinksOptions): RestingLinks {
  /** The one that has rested longest first. */
  const resting = new Map<object, Resting>();

  function remove(owner: object): void {
    clearTimeout(resting.get(owner)?.timer);
    resting.delete(owner);
  }

  function end(owner: object): void {
    const { letGo } = resting.get(owner) ?? {};
    remove(owner);
    letGo?.();
  }

  return {
    add: (owner, letGo) => {
      remove(owner);
      const timer = setTimeout(() => end(owner), forMs);
      timer.unref();
      resting.set(owner, { timer, letGo });
      const [longest] = resting.keys();
      if (longest && resting.size > most) end(longest);
    },
    remove,
  };
}
