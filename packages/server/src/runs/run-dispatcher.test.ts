import fc from "fast-check";
import { expect, test } from "vitest";
import { type RunDispatcher, runDispatcher } from "./run-dispatcher.ts";

/** A dispatcher whose executions end when the test says so. */
function controlled(limits: { readonly perContainer: number; readonly perEngine: number }) {
  const ends = new Map<string, () => void>();
  const started: string[] = [];
  const dispatcher: RunDispatcher = runDispatcher({
    executionsPerContainer: limits.perContainer,
    executionsPerEngine: limits.perEngine,
    execute: (executionId) => {
      started.push(executionId);
      return new Promise((resolve) => ends.set(executionId, resolve));
    },
  });
  const end = async (executionId: string) => {
    ends.get(executionId)?.();
    await new Promise(setImmediate);
  };
  return { dispatcher, started, end };
}

const place = (executionId: string, containerId: string, engine = "local") => ({
  executionId,
  containerId,
  engine,
});

test("starts as many as a container takes and the next when one ends", async () => {
  const { dispatcher, started, end } = controlled({ perContainer: 2, perEngine: 10 });
  dispatcher.enqueue([place("a", "db"), place("b", "db"), place("c", "db")]);
  expect(started).toEqual(["a", "b"]);
  await end("b");
  expect(started).toEqual(["a", "b", "c"]);
});

test("a full container does not hold up the others", () => {
  const { dispatcher, started } = controlled({ perContainer: 1, perEngine: 10 });
  dispatcher.enqueue([place("a", "db"), place("b", "db"), place("c", "web")]);
  expect(started).toEqual(["a", "c"]);
});

test("an engine's limit holds over its containers and leaves other engines alone", () => {
  const { dispatcher, started } = controlled({ perContainer: 5, perEngine: 2 });
  dispatcher.enqueue([place("a", "1"), place("b", "2"), place("c", "3"), place("d", "4", "other")]);
  expect(started).toEqual(["a", "b", "d"]);
});

test("what was taken out never starts", async () => {
  const { dispatcher, started, end } = controlled({ perContainer: 1, perEngine: 1 });
  dispatcher.enqueue([place("a", "db"), place("b", "db"), place("c", "db")]);
  expect(dispatcher.remove("b")).toBe(true);
  expect(dispatcher.remove("b")).toBe(false);
  expect(dispatcher.remove("a")).toBe(false);
  await end("a");
  expect(started).toEqual(["a", "c"]);
});

test("after stop nothing starts and stop waits for what runs", async () => {
  const { dispatcher, started, end } = controlled({ perContainer: 1, perEngine: 1 });
  dispatcher.enqueue([place("a", "db"), place("b", "db")]);
  const stopped = dispatcher.stop();
  await end("a");
  await stopped;
  expect(started).toEqual(["a"]);
  expect(dispatcher.waiting).toBe(1);
});

test("every execution starts once and no limit is ever exceeded", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 1 })), {
        maxLength: 40,
      }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 5 }),
      async (places, perContainer, perEngine) => {
        const load = new Map<string, number>();
        const started: string[] = [];
        let worst = 0;
        const step = (key: string, by: number) => {
          load.set(key, (load.get(key) ?? 0) + by);
          return load.get(key) ?? 0;
        };
        const ids = places.map(([container, engine], index) =>
          place(`${index}`, `c${container}`, `e${engine}`),
        );
        const dispatcher = runDispatcher({
          executionsPerContainer: perContainer,
          executionsPerEngine: perEngine,
          execute: async (executionId) => {
            const at = ids[Number(executionId)];
            started.push(executionId);
            const container = step(`${at?.engine}/${at?.containerId}`, 1) / perContainer;
            worst = Math.max(worst, container, step(`${at?.engine}`, 1) / perEngine);
            await new Promise(setImmediate);
            step(`${at?.engine}/${at?.containerId}`, -1);
            step(`${at?.engine}`, -1);
          },
        });
        dispatcher.enqueue(ids.slice(0, 20));
        dispatcher.enqueue(ids.slice(20));
        while (dispatcher.waiting + dispatcher.inFlight > 0) await new Promise(setImmediate);
        expect([...started].sort()).toEqual(ids.map(({ executionId }) => executionId).sort());
        expect(worst).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 100 },
  );
});

test("a reserved place counts until it is given back, or what was started in it ends", async () => {
  const { dispatcher, started } = controlled({ perContainer: 1, perEngine: 10 });
  const given = dispatcher.reserve(place("a", "db"));
  expect(dispatcher.reserve(place("b", "db"))).toBeUndefined();
  dispatcher.enqueue([place("c", "db")]);
  expect(started).toEqual([]);
  given?.giveBack();
  expect(started).toEqual(["c"]);

  const end = Promise.withResolvers<void>();
  dispatcher.reserve(place("d", "web"))?.start(() => end.promise);
  dispatcher.enqueue([place("e", "web")]);
  expect([started, dispatcher.inFlight]).toEqual([["c"], 2]);
  end.resolve();
  await new Promise(setImmediate);
  expect(started).toEqual(["c", "e"]);
});

test("nobody gets a place before those who wait, nor after stop", async () => {
  const { dispatcher, started, end } = controlled({ perContainer: 1, perEngine: 10 });
  dispatcher.enqueue([place("a", "db"), place("b", "db")]);
  expect(dispatcher.reserve(place("c", "db"))).toBeUndefined();
  const given = dispatcher.reserve(place("d", "web"));
  const stopped = dispatcher.stop();
  expect(dispatcher.reserve(place("e", "other"))).toBeUndefined();
  given?.start(async () => void started.push("d"));
  await end("a");
  await stopped;
  expect(started).toEqual(["a"]);
});
