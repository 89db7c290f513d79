import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { restingLinks } from "./resting-links.ts";

const HOUR_MS = 3_600_000;

function newLinks(options: { readonly most: number; readonly forMs?: number }) {
  const links = restingLinks({ forMs: HOUR_MS, ...options });
  const ended: string[] = [];
  const owners = new Map(["a", "b", "c"].map((name) => [name, { name }]));
  const ownerOf = (name: string) => owners.get(name) ?? {};
  return {
    ended,
    rest: (name: string) => links.add(ownerOf(name), () => ended.push(name)),
    use: (name: string) => links.remove(ownerOf(name)),
  };
}

test("when one more rests than may, the one that has rested longest goes", () => {
  const { ended, rest } = newLinks({ most: 2 });
  for (const name of ["a", "b", "c"]) rest(name);
  expect(ended).toEqual(["a"]);
});

test("one that is used does not count, and rests anew afterwards", () => {
  const { ended, rest, use } = newLinks({ most: 2 });
  for (const name of ["a", "b"]) rest(name);
  use("a");
  rest("c");
  expect(ended).toEqual([]);
  rest("a");
  expect(ended).toEqual(["b"]);
});

test("one that is said to rest again counts once, and as the last that came", () => {
  const { ended, rest } = newLinks({ most: 2 });
  for (const name of ["a", "b", "a"]) rest(name);
  expect(ended).toEqual([]);
  rest("c");
  expect(ended).toEqual(["b"]);
});

test("when its time is over it goes, once", async () => {
  const { ended, rest, use } = newLinks({ most: 2, forMs: 20 });
  for (const name of ["a", "b"]) rest(name);
  use("b");
  await expect.poll(() => ended).toEqual(["a"]);
  await delay(40);
  expect(ended).toEqual(["a"]);
});
