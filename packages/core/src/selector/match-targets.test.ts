import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Target } from "../contract/target.ts";
import { explainNoMatch } from "./explain-no-match.ts";
import { compileGlob, type GlobPiece, toGlob } from "./glob.ts";
import { matchTargets } from "./match-targets.ts";
import { parseSelector } from "./parse-selector.ts";

function toTarget(given: Partial<Target> & { name: string }): Target {
  return {
    id: `tgt_${given.name.padEnd(16, "0").slice(0, 16)}`,
    engine: "local",
    containerId: given.name.padEnd(64, "0"),
    image: "postgres:16",
    state: "running",
    health: "none",
    project: null,
    service: null,
    labels: {},
    startedAt: null,
    ...given,
  };
}

const TARGETS = [
  toTarget({
    name: "pg-1",
    project: "shop",
    service: "db",
    labels: { role: "db", tier: "" },
    containerId: `abcd1111${"0".repeat(56)}`,
  }),
  toTarget({
    name: "pg-2",
    project: "shop",
    service: "db",
    labels: { role: "db" },
    containerId: `abcd2222${"0".repeat(56)}`,
  }),
  toTarget({
    name: "web",
    project: "shop",
    service: "web",
    labels: { role: "web" },
    image: "ghcr.io/acme/web:2.1",
    health: "healthy",
  }),
  toTarget({
    name: "web",
    engine: "prod",
    labels: { role: "web" },
    image: "docker.io/library/nginx:1.27@sha256:0123",
  }),
  toTarget({
    name: "cache",
    engine: "prod",
    project: "blog",
    image: "localhost/redis",
    state: "paused",
  }),
];

function pick(on: string | string[], ...except: string[]): string[] {
  const selectors = { on: [on].flat().map(parseSelector), except: except.map(parseSelector) };
  return matchTargets(selectors, TARGETS).map(({ engine, name }) => `${engine}/${name}`);
}

describe("a selector picks", () => {
  test.each([
    ["label=role=db", ["local/pg-1", "local/pg-2"]],
    ["label=role=d*|cache", ["local/pg-1", "local/pg-2"]],
    ["label=tier=", ["local/pg-1"]],
    ["label=tier", ["local/pg-1"]],
    ["label!=role", ["prod/cache"]],
    ["label!=role=db", ["local/web", "prod/cache", "prod/web"]],
    ["project", ["local/pg-1", "local/pg-2", "local/web", "prod/cache"]],
    ["project!=shop", ["prod/cache", "prod/web"]],
    ["project=shop,service=web", ["local/web"]],
    ["image=postgres", ["local/pg-1", "local/pg-2"]],
    ["image=postgres:*", ["local/pg-1", "local/pg-2"]],
    ["image=postgres:15", []],
    ["image=nginx", ["prod/web"]],
    ["image=nginx:1.27", ["prod/web"]],
    ["image=redis", ["prod/cache"]],
    ["image=ghcr.io/acme/*", ["local/web"]],
    ["engine=prod", ["prod/cache", "prod/web"]],
    ["status=paused", ["prod/cache"]],
    ["health", ["local/web"]],
    ["health=none,project=shop", ["local/pg-1", "local/pg-2"]],
    ["pg-1", ["local/pg-1"]],
    ["pg-*", ["local/pg-1", "local/pg-2"]],
    ["pg-1|pg-2", ["local/pg-1", "local/pg-2"]],
    ["abcd1", ["local/pg-1"]],
    ["abc", []],
    ["id=abcd", ["local/pg-1", "local/pg-2"]],
    ["tgt_pg-2", ["local/pg-2"]],
    ["engine=prod,web", ["prod/web"]],
    ["svc/db", ["local/pg-1", "local/pg-2"]],
    ["name=*", ["local/pg-1", "local/pg-2", "local/web", "prod/cache", "prod/web"]],
  ])("%s", (selector, expected) => {
    expect(pick(selector)).toEqual(expected);
  });

  test("more when repeated, less what is excepted", () => {
    expect(pick(["engine=prod", "pg-1"])).toEqual(["local/pg-1", "prod/cache", "prod/web"]);
    expect(pick("project=shop", "pg-1", "label=role=web")).toEqual(["local/pg-2"]);
  });
});

describe("a short name that fits several targets", () => {
  test("is refused with the candidates", () => {
    expect(() => pick("web")).toThrow(
      expect.objectContaining({
        code: "TARGET_AMBIGUOUS",
        extra: expect.objectContaining({
          candidates: [
            expect.objectContaining({ engine: "local" }),
            expect.objectContaining({ engine: "prod" }),
          ],
        }),
      }),
    );
    expect(() => pick("abcd")).toThrow(expect.objectContaining({ code: "TARGET_AMBIGUOUS" }));
  });
});

describe("when nothing matches, it is said why", () => {
  test.each([
    ["project=shpo", "project=shpo has no match; did you mean project=shop (3)?"],
    ["label=role=bd", "label=role=bd has no match; did you mean label=role=db (2)?"],
    ["label=rol=db", "label=rol=db has no match; did you mean label=role (4)?"],
    ["pg-3", "pg-3 has no match; did you mean pg-1 (1)?"],
    ["shop", "shop has no match; did you mean project=shop (3)?"],
    ["project=zzz", "project=zzz has no match."],
    [
      "project=blog,label=role=db",
      "No target has all of it: project=blog matches 1, label=role=db matches 2.",
    ],
  ])("%s", (selector, detail) => {
    expect(explainNoMatch([parseSelector(selector)], TARGETS).detail).toBe(detail);
  });

  test("also when nothing runs", () => {
    expect(explainNoMatch([parseSelector("a")], []).detail).toBe(
      "No engine has a running container.",
    );
  });
});

const globPiece: fc.Arbitrary<GlobPiece> = fc.oneof(
  fc.constant<GlobPiece>({ kind: "any" }),
  fc.constant<GlobPiece>({ kind: "one" }),
  fc
    .string({ unit: fc.constantFrom("a", "b", "."), maxLength: 3 })
    .map((text): GlobPiece => ({ kind: "text", text })),
);

test("a glob matches as the obvious recursive definition does", () => {
  const naive = (pieces: readonly GlobPiece[], text: string): boolean => {
    const [first, ...rest] = pieces;
    if (!first) return text === "";
    if (first.kind === "one") return text !== "" && naive(rest, text.slice(1));
    if (first.kind === "text")
      return text.startsWith(first.text) && naive(rest, text.slice(first.text.length));
    return Array.from({ length: text.length + 1 }, (_, from) => text.slice(from)).some((tail) =>
      naive(rest, tail),
    );
  };
  const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
  fc.assert(
    fc.property(fc.array(globPiece, { maxLength: 6 }), text, (pieces, subject) => {
      expect(compileGlob(toGlob(pieces))(subject)).toBe(naive(pieces, subject));
    }),
    { numRuns: 3_000 },
  );
});

test("a hostile pattern costs little", () => {
  const { on } = { on: [parseSelector(`name=${"*a".repeat(100)}*b`)] };
  const startedAt = performance.now();
  expect(matchTargets({ on, except: [] }, [toTarget({ name: "a".repeat(20_000) })])).toEqual([]);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

const field = fc.constantFrom("shop", "blog", "db");
const anyTarget = fc
  .record({
    name: fc.stringMatching(/^[a-c]{1,3}$/),
    project: fc.option(field),
    labels: fc.dictionary(fc.constantFrom("role", "tier"), field),
  })
  .map(toTarget);
const anyTerm = fc.record({
  key: fc.constantFrom("project", "label=role", "label=tier"),
  negative: fc.boolean(),
  value: field,
});

test("and, or and except are what they say", () => {
  type Term = { key: string; negative: boolean; value: string };
  const toText = ({ key, negative, value }: Term) =>
    negative ? `${key.replace(/^(label|project)/, "$1!")}=${value}` : `${key}=${value}`;
  const holds = ({ key, negative, value }: Term, { project, labels }: Target) =>
    ((key === "project" ? project : labels[key.slice(6)]) === value) !== negative;
  const selectors = fc.array(fc.array(anyTerm, { minLength: 1, maxLength: 3 }), { maxLength: 3 });
  fc.assert(
    fc.property(
      selectors,
      selectors,
      fc.array(anyTarget, { maxLength: 10 }),
      (on, except, targets) => {
        const some = (all: Term[][], target: Target) =>
          all.some((terms) => terms.every((term) => holds(term, target)));
        const expected = targets.filter((target) => some(on, target) && !some(except, target));
        const parse = (all: Term[][]) =>
          all.map((terms) => parseSelector(terms.map(toText).join(",")));
        expect(new Set(matchTargets({ on: parse(on), except: parse(except) }, targets))).toEqual(
          new Set(expected),
        );
      },
    ),
    { numRuns: 1_000 },
  );
});
