/** Runs tasks one after the other, in the order in which they came. */
export interface OneAtATime {
  run<Result>(task: () => Promise<Result>): Promise<Result>;
}

export function oneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (task) => {
      const result = last.then(task);
      last = result.catch(() => undefined);
      return result;
    },
  };
}
