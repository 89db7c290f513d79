import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Target } from "../contract/target.ts";
import { explainNoMatch } from "./explain-no-match.ts";
import { compileGlob, type GlobPiece, toGlob } from "./glob.ts";
import { matchTargets } from "./match-targets.ts";
import { assertGroupSound } from "./group-members.ts";
import { onePerService } from "./one-per-service.ts";
import { parseSelector } from "./parse-selector.ts";
import { toTarget } from "./testing/to-target.ts";
import type { SavedGroups } from "./selector.ts";

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

type GroupTexts = Readonly<Record<string, { on: readonly string[]; except?: readonly string[] }>>;

function toGroups(texts: GroupTexts): SavedGroups {
  return new Map(
    Object.entries(texts).map(([name, { on, except = [] }]) => [
      name,
      { on: on.map(parseSelector), except: except.map(parseSelector) },
    ]),
  );
}

const GROUPS = toGroups({
  db: { on: ["label=role=db"], except: ["pg-2"] },
  "all-but-db": { on: ["name=*"], except: ["@db"] },
  prod: { on: ["engine=prod"] },
  either: { on: ["@db", "@prod"] },
  none: { on: ["project=nothing"], except: ["pg-1"] },
});

function pickOf(on: string, groups: SavedGroups = GROUPS): string[] {
  const choice = { on: [parseSelector(on)], except: [] };
  return matchTargets(choice, TARGETS, groups).map(({ engine, name }) => `${engine}/${name}`);
}

describe("a saved group picks", () => {
  test.each([
    ["@db", ["local/pg-1"]],
    ["group=db", ["local/pg-1"]],
    ["group!=db", ["local/pg-2", "local/web", "prod/cache", "prod/web"]],
    ["@db|@prod", ["local/pg-1", "prod/cache", "prod/web"]],
    ["@either", ["local/pg-1", "prod/cache", "prod/web"]],
    ["@either,@prod", ["prod/cache", "prod/web"]],
    ["@all-but-db,project=shop", ["local/pg-2", "local/web"]],
    ["@prod,web", ["prod/web"]],
    ["@none", []],
  ])("%s", (selector, expected) => {
    expect(pickOf(selector)).toEqual(expected);
  });

  test("nothing when it is not there, with the one that was likely meant", () => {
    expect(() => pickOf("@dbs")).toThrow(
      expect.objectContaining({
        code: "DEFINITION_NOT_FOUND",
        message: "There is no group dbs; did you mean @db?",
      }),
    );
  });

  test("nothing when it leads back to itself, with the chain", () => {
    const groups = toGroups({
      start: { on: ["@a"] },
      a: { on: ["pg-1", "@b"] },
      b: { on: ["pg-2"], except: ["@a"] },
    });
    const refusal = expect.objectContaining({
      code: "GROUP_CYCLE",
      message: "The group @a leads back to itself: @a → @b → @a.",
    });
    expect(() => pickOf("@start", groups)).toThrow(refusal);
    expect(() => assertGroupSound(groups, "start")).toThrow(refusal);
    expect(() => assertGroupSound(toGroups({ a: { on: ["@a"] } }), "a")).toThrow("@a → @a.");
  });

  test("nothing when it leads through too many others", () => {
    const chain = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, at) => [`g${at}`, { on: [`@g${at + 1}`] }]),
    );
    const tooDeep = expect.objectContaining({ code: "LIMIT_EXCEEDED" });
    expect(() => pickOf("@g0", toGroups(chain))).toThrow(tooDeep);
    expect(() => assertGroupSound(toGroups(chain), "g0")).toThrow(tooDeep);
  });

  test("its targets once, however many ways lead to them", () => {
    const wide = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`g${at}`, { on: [`@g${at + 1}`, `@g${at + 1}`] }]),
    );
    expect(pickOf("@g0", toGroups({ ...wide, g30: { on: ["pg-1"] } }))).toEqual(["local/pg-1"]);
  });

  test("and says what it stands for when it picks nothing", () => {
    expect(explainNoMatch([parseSelector("@none")], TARGETS, GROUPS).detail).toBe(
      "@none has no match: @none is project=nothing except pg-1.",
    );
  });
});

describe("one per service", () => {
  const one = (targets: Target[]) => onePerService(targets).map(({ name }) => name);
  const inService = (name: string, given: Partial<Target> = {}) =>
    toTarget({ name, project: "shop", service: "web", ...given });

  test("is the first that is healthy and runs", () => {
    const all = [
      inService("a", { health: "unhealthy" }),
      inService("b", { state: "paused" }),
      inService("c", { health: "healthy" }),
      inService("d"),
    ];
    expect(one(all)).toEqual(["c"]);
    expect(one(all.slice(0, 2))).toEqual(["a"]);
  });

  test("is one of each project and engine, and every target without a service", () => {
    const others = [
      inService("b", { project: "blog" }),
      inService("c", { engine: "prod" }),
      toTarget({ name: "d" }),
      toTarget({ name: "e" }),
    ];
    expect(one([inService("a"), ...others, inService("f")])).toEqual(["a", "b", "c", "d", "e"]);
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

test("5,000 targets are matched at once", () => {
  const targets = Array.from({ length: 5_000 }, (_, at) =>
    toTarget({
      name: `pg-${at}`,
      id: `tgt_${String(at).padStart(16, "0")}`,
      project: `project-${at % 50}`,
      image: `ghcr.io/acme/db:${at % 9}@sha256:0123`,
      labels: { role: at % 2 === 0 ? "db" : "web", "com.example/zone": `eu-${at % 7}` },
    }),
  );
  const groups = toGroups({
    db: { on: ["label=role=db,image=*/db:1|*/db:2"], except: ["name=pg-*9"] },
  });
  const choice = {
    on: ["@db,project!=project-1*", "label=com.example/zone=eu-3", "pg-4321"].map(parseSelector),
    except: [parseSelector("name=pg-1*3|pg-??")],
  };
  const startedAt = performance.now();
  expect(matchTargets(choice, targets, groups).length).toBeGreaterThan(100);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
