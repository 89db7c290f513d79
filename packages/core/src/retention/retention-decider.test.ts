import fc from "fast-check";
import { expect, test } from "vitest";
import { hasRules, type RetainedRun, retentionDecider } from "./retention-decider.ts";

const NOW = 1_000_000;

const run = (more: Partial<RetainedRun> = {}): RetainedRun => ({
  id: "run_1",
  finishedAtMs: NOW - 100,
  scriptName: "db/vacuum",
  outputBytes: 10,
  isOutputGone: false,
  ...more,
});

const runs = fc.array(
  fc.record({
    id: fc.string(),
    finishedAtMs: fc.option(fc.integer({ min: 0, max: NOW }), { nil: undefined }),
    scriptName: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
    outputBytes: fc.nat(1_000),
    isOutputGone: fc.boolean(),
  }),
);
const rules = fc.record(
  {
    outputAgeMs: fc.nat(NOW),
    outputBytes: fc.nat(5_000),
    runAgeMs: fc.nat(NOW),
    runsPerScript: fc.nat(5),
  },
  { requiredKeys: [] },
);

test("without rules everything stays", () => {
  expect(hasRules({})).toBe(false);
  const decide = retentionDecider({}, NOW);
  expect(decide(run({ finishedAtMs: 0, outputBytes: 1e12 }))).toEqual({ kind: "keep" });
});

test("output goes before its run, by age and by bytes, the oldest first", () => {
  const byAge = retentionDecider({ outputAgeMs: 50, runAgeMs: 500 }, NOW);
  expect(byAge(run())).toEqual({ kind: "expire-output", rule: "outputAgeMs" });
  expect(byAge(run({ isOutputGone: true }))).toEqual({ kind: "keep" });
  expect(byAge(run({ finishedAtMs: NOW - 501 }))).toEqual({ kind: "delete-run", rule: "runAgeMs" });
  const byBytes = retentionDecider({ outputBytes: 25 }, NOW);
  expect([run(), run(), run(), run()].map((one) => byBytes(one).kind)).toEqual([
    "keep",
    "keep",
    "expire-output",
    "expire-output",
  ]);
});

test("each stored script keeps its newest runs; others are not counted", () => {
  const decide = retentionDecider({ runsPerScript: 1 }, NOW);
  const kinds = ["a", "b", undefined, "a", undefined].map(
    (scriptName) => decide(run({ scriptName })).kind,
  );
  expect(kinds).toEqual(["keep", "keep", "keep", "delete-run", "keep"]);
});

test("whatever the rules: open runs stay, and what stays keeps every rule", () => {
  fc.assert(
    fc.property(runs, rules, (all, given) => {
      const decide = retentionDecider(given, NOW);
      const decided = all.map((one) => ({ one, kind: decide(one).kind }));
      const ended = decided.filter(({ one }) => one.finishedAtMs !== undefined);
      expect(
        decided
          .filter(({ one }) => one.finishedAtMs === undefined)
          .every(({ kind }) => kind === "keep"),
      ).toBe(true);
      const stay = ended.filter(({ kind }) => kind !== "delete-run");
      for (const name of ["a", "b"])
        expect(stay.filter(({ one }) => one.scriptName === name).length).toBeLessThanOrEqual(
          given.runsPerScript ?? all.length,
        );
      for (const { one } of stay)
        expect(NOW - (one.finishedAtMs ?? NOW)).toBeLessThanOrEqual(given.runAgeMs ?? NOW);
      const kept = ended.filter(({ one, kind }) => kind === "keep" && !one.isOutputGone);
      const bytes = kept.reduce((sum, { one }) => sum + one.outputBytes, 0);
      expect(bytes).toBeLessThanOrEqual(given.outputBytes ?? bytes);
    }),
  );
});
