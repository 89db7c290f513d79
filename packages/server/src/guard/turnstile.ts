/** Does a work when it is its turn: so many go on at once, the others wait in the order they came. */
export type Turnstile = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function turnstile(atOnce: number): Turnstile {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
