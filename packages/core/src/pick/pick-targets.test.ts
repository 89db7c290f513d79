import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Target } from "../contract/target.ts";
import { toTarget } from "../selector/testing/to-target.ts";
import {
  findTied,
  type Picked,
  pickLeastBusy,
  pickNext,
  pickRandomly,
  rotationPlace,
} from "./pick-targets.ts";

const names = (picked: readonly Picked[]) => picked.map(({ target }) => target.name);
const targets = (...all: string[]) => all.map((name) => toTarget({ name }));
const ABC = targets("a", "b", "c");

describe("round-robin", () => {
  const placeOf = (name: string) => rotationPlace(toTarget({ name }));

  test("takes the next ones and begins again", () => {
    expect(pickNext(ABC, 2, undefined)).toEqual([
      { target: ABC[0], why: "first in the rotation" },
      { target: ABC[1], why: "first in the rotation" },
    ]);
    expect(pickNext(ABC, 2, placeOf("b"))).toEqual([
      { target: ABC[2], why: "next after b" },
      { target: ABC[0], why: "next after b" },
    ]);
    expect(names(pickNext(ABC, 1, placeOf("c")))).toEqual(["a"]);
    expect(names(pickNext(ABC, 9, placeOf("a")))).toEqual(["b", "c", "a"]);
  });

  test("goes on where it was when targets come and go", () => {
    expect(names(pickNext(targets("a", "c"), 1, placeOf("b")))).toEqual(["c"]);
    expect(names(pickNext(targets("a", "bb", "c"), 1, placeOf("b")))).toEqual(["bb"]);
    expect(pickNext([], 3, placeOf("b"))).toEqual([]);
  });

  test("leaves nobody out: in as many rounds as it takes each is chosen as often as any other", () => {
    const sizes = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(sizes, sizes, (size, count) => {
        const all = targets(...Array.from({ length: size }, (_, at) => `t${at + 10}`));
        const taken = new Map<string, number>();
        let after: string | undefined;
        for (let round = 0; round < size; round++) {
          const picked = pickNext(all, count, after);
          expect(new Set(picked.map(({ target }) => target)).size).toBe(Math.min(size, count));
          for (const name of names(picked)) taken.set(name, (taken.get(name) ?? 0) + 1);
          const last = picked.at(-1);
          after = last && rotationPlace(last.target);
        }
        expect(new Set(taken.values()).size).toBe(1);
        expect(taken.size).toBe(size);
      }),
    );
  });
});

test("random takes as many as asked, each at most once, and any of them", () => {
  const numbers = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), numbers, (count, stream) => {
      const picked = pickRandomly(ABC, count, () => stream.next().value as number);
      expect(new Set(names(picked)).size).toBe(Math.min(3, count));
    }),
  );
  const first = [0, 0.4, 0.9].map((chance) => names(pickRandomly(ABC, 1, () => chance))[0]);
  expect(new Set(first).size).toBeGreaterThan(1);
});

describe("least-busy", () => {
  const open: Readonly<Record<string, number>> = { a: 2, b: 0, c: 0, d: 1 };
  const all = targets("a", "b", "c", "d");
  const openOf = ({ name }: Target) => open[name] ?? 0;

  test("asks about the CPU only of those that are tied", () => {
    const contest = (count: number) => {
      const { certain, tied } = findTied(all, count, openOf);
      return [certain, tied].map((part) => part.map(({ name }) => name));
    };
    expect(contest(1)).toEqual([[], ["b", "c"]]);
    expect(contest(2)).toEqual([["b", "c"], []]);
    expect(contest(3)).toEqual([["b", "c", "d"], []]);
    expect(contest(4)).toEqual([["a", "b", "c", "d"], []]);
    expect(contest(9)).toEqual([["a", "b", "c", "d"], []]);
  });

  test("takes the fewest executions, then the least CPU; who is not known comes last", () => {
    const cpu: Readonly<Record<string, number>> = { b: 80, c: 3.2 };
    const picked = pickLeastBusy(all, 2, (target) => ({
      openExecutions: openOf(target),
      chosenLately: 0,
      cpuPercent: cpu[target.name],
    }));
    expect(picked.map(({ target, why }) => [target.name, why])).toEqual([
      ["c", "0 open executions, 3 % CPU"],
      ["b", "0 open executions, 80 % CPU"],
    ]);
    const unknown = pickLeastBusy(all, 3, (target) => ({
      openExecutions: target.name === "a" ? 1 : 0,
      chosenLately: 0,
      cpuPercent: target.name === "d" ? 99 : undefined,
    }));
    expect(names(unknown)).toEqual(["d", "b", "c"]);
    expect(unknown.at(-1)?.why).toBe("0 open executions");
  });

  test("counts who was chosen a moment ago as busier", () => {
    const picked = pickLeastBusy(targets("a", "b"), 2, ({ name }) => ({
      openExecutions: 0,
      chosenLately: name === "a" ? 1 : 0,
      cpuPercent: undefined,
    }));
    expect(picked.map(({ target, why }) => [target.name, why])).toEqual([
      ["b", "0 open executions"],
      ["a", "0 open executions, chosen a moment ago"],
    ]);
  });
});
