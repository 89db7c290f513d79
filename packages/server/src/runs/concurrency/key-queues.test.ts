import fc from "fast-check";
import { expect, test } from "vitest";
import { keyQueues } from "./key-queues.ts";

test("the next of a key comes when the one before it ends, in the order of the tickets", () => {
  const queues = keyQueues();
  expect(queues.add({ runId: "a", key: "k", ticket: 0 })).toBe(true);
  expect(queues.add({ runId: "c", key: "k", ticket: 2 })).toBe(false);
  expect(queues.add({ runId: "b", key: "k", ticket: 1 })).toBe(false);
  expect(queues.before("c")).toEqual(["a", "b"]);
  expect(queues.remove("a")).toBe("b");
  expect(queues.remove("b")).toBe("c");
  expect(queues.remove("c")).toBeUndefined();
});

test("one that is taken out while it waits lets nobody in", () => {
  const queues = keyQueues();
  for (const [ticket, runId] of ["a", "b", "c"].entries()) queues.add({ runId, key: "k", ticket });
  expect(queues.remove("b")).toBeUndefined();
  expect(queues.remove("unknown")).toBeUndefined();
  expect(queues.remove("a")).toBe("c");
});

test("of each key one run goes on at any time, and each has its turn", () => {
  const runs = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(runs, fc.infiniteStream(fc.nat()), (keys, choices) => {
      const queues = keyQueues();
      const going = new Map<string, string>();
      const had: string[] = [];
      const start = (runId: string) => {
        const key = `k${runId.split("/")[0]}`;
        expect(going.has(key)).toBe(false);
        going.set(key, runId);
        had.push(runId);
      };
      const endOne = () => {
        const all = [...going];
        const [key, runId] = all[Number(choices.next().value) % all.length] as [string, string];
        going.delete(key);
        const next = queues.remove(runId);
        if (next !== undefined) start(next);
      };
      for (const [ticket, key] of keys.entries()) {
        const runId = `${key}/${ticket}`;
        if (queues.add({ runId, key: `k${key}`, ticket })) start(runId);
        if (Number(choices.next().value) % 3 === 0) endOne();
      }
      while (going.size > 0) endOne();
      expect(had.toSorted()).toEqual(keys.map((key, ticket) => `${key}/${ticket}`).toSorted());
    }),
  );
});
