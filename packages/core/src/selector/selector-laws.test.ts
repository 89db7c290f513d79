import fc from "fast-check";
import { expect, test } from "vitest";
import type { Target } from "../contract/target.ts";
import { matchTargets } from "./match-targets.ts";
import { parseSelector } from "./parse-selector.ts";
import { toTarget } from "./testing/to-target.ts";

const VALUES = ["shop", "blog", "db"] as const;
const field = fc.constantFrom(...VALUES);
const anyTarget = fc
  .record({
    name: fc.stringMatching(/^[a-c]{1,3}$/),
    project: fc.option(field),
    labels: fc.dictionary(fc.constantFrom("role", "tier"), field),
    health: fc.constantFrom("none" as const, "healthy" as const, "unhealthy" as const),
  })
  .map(toTarget);

/** A term as a person means it, beside the words of the language. */
interface MeantTerm {
  readonly key: string;
  readonly negative: boolean;
  readonly values: readonly string[];
}
type MeantChoice = { readonly on: MeantTerm[][]; readonly except: MeantTerm[][] };

const GROUP_NAMES = ["g0", "g1", "g2"];
const keyed = (values: Record<string, readonly string[]>) =>
  fc.constantFrom(...Object.keys(values)).chain((key) =>
    fc.record({
      key: fc.constant(key),
      negative: fc.boolean(),
      values: fc.subarray([...(values[key] ?? [])], { minLength: 1 }),
    }),
  );
const KEYS = {
  project: [...VALUES, "s*"],
  "label=role": [...VALUES, "?b"],
  "label=tier": VALUES,
  health: ["healthy", "unhealthy"],
  name: ["a*", "b", "*c"],
};

/** A group refers to those before it only. */
const selectorsOver = (groups: readonly string[]) =>
  fc.array(
    fc.array(keyed(groups.length > 0 ? { ...KEYS, group: groups } : KEYS), {
      minLength: 1,
      maxLength: 3,
    }),
    { maxLength: 3 },
  );
const choiceOver = (groups: readonly string[]): fc.Arbitrary<MeantChoice> =>
  fc.record({ on: selectorsOver(groups), except: selectorsOver(groups) });

function toText({ key, negative, values }: MeantTerm): string {
  const sign = negative ? key.replace(/^([a-z]+)/, "$1!") : key;
  return `${sign}=${values.join("|")}`;
}

function toChoice({ on, except }: MeantChoice) {
  const parse = (all: MeantTerm[][]) =>
    all.map((terms) => parseSelector(terms.map(toText).join(",")));
  return { on: parse(on), except: parse(except) };
}

type Meanings = Readonly<Record<string, MeantChoice>>;

function isPicked({ on, except }: MeantChoice, target: Target, groups: Meanings): boolean {
  const some = (all: MeantTerm[][]) =>
    all.some((terms) => terms.every((term) => holds(term, target, groups)));
  return some(on) && !some(except);
}

function holds({ key, negative, values }: MeantTerm, target: Target, groups: Meanings): boolean {
  const text = key.startsWith("label=")
    ? target.labels[key.slice(6)]
    : key === "group"
      ? ""
      : target[key as "name" | "project" | "health"];
  const fits = (value: string) =>
    key === "group"
      ? isPicked(groups[value] ?? { on: [], except: [] }, target, groups)
      : typeof text === "string" &&
        new RegExp(`^${value.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(text);
  return values.some(fits) !== negative;
}

test("and, or, except, wildcards and groups are what they say", () => {
  const meanings = fc.record({
    g0: choiceOver([]),
    g1: choiceOver(["g0"]),
    g2: choiceOver(["g0", "g1"]),
  });
  const targets = fc.array(anyTarget, { maxLength: 10 });
  fc.assert(
    fc.property(choiceOver(GROUP_NAMES), meanings, targets, (choice, groups, all) => {
      const saved = new Map(
        Object.entries(groups).map(([name, meaning]) => [name, toChoice(meaning)]),
      );
      const expected = all.filter((target) => isPicked(choice, target, groups));
      expect(new Set(matchTargets(toChoice(choice), all, saved))).toEqual(new Set(expected));
    }),
    { numRuns: 1_000 },
  );
});

test("the laws: the order does not matter, twice is once, and what is excepted is never picked", () => {
  const targets = fc.uniqueArray(anyTarget, { maxLength: 10, selector: ({ name }) => name });
  fc.assert(
    fc.property(choiceOver([]), targets, (meant, all) => {
      const choice = toChoice(meant);
      const picked = matchTargets(choice, all);
      const { on, except } = choice;
      const shuffled = { on: [...on].reverse(), except: [...except].reverse() };
      expect(matchTargets(shuffled, [...all].reverse())).toEqual(picked);
      expect(matchTargets({ on: [...on, ...on], except: [...except, ...except] }, all)).toEqual(
        picked,
      );
      expect(matchTargets({ on: except, except: [] }, picked)).toEqual([]);
      expect(matchTargets({ on: choice.on, except: [] }, all)).toEqual(
        expect.arrayContaining(picked),
      );
    }),
    { numRuns: 500 },
  );
});
