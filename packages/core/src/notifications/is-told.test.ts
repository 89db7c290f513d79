import { expect, test } from "vitest";
import type { Target } from "../contract/target.ts";
import { type EndedRun, isTold, type TellConditions } from "./is-told.ts";

const target: Target = {
  id: "tgt_3f9a1c0b7d2e4f68",
  name: "pg-1",
  engine: "local",
  containerId: "f1d1",
  image: "postgres:16",
  state: "running",
  health: "none",
  project: "shop",
  service: "db",
  labels: { role: "db" },
  startedAt: null,
};
const failed: EndedRun = {
  state: "failed",
  stateBefore: undefined,
  script: "db/vacuum",
  origin: { kind: "schedule", id: "sch_1", name: "nightly" },
  targets: [target],
};
const rule = (given: Partial<TellConditions>): TellConditions => ({
  when: ["failed"],
  scripts: [],
  origins: [],
  on: [],
  ...given,
});

test.each<[string, Partial<TellConditions>, Partial<EndedRun>, boolean]>([
  ["a state that is asked for", {}, {}, true],
  ["another state", { when: ["lost", "timed-out"] }, {}, false],
  ["every end", { when: ["every"] }, { state: "skipped" }, true],
  [
    "a success after a failure",
    { when: ["recovered"] },
    { state: "succeeded", stateBefore: "lost" },
    true,
  ],
  [
    "a success after a success",
    { when: ["recovered"] },
    { state: "succeeded", stateBefore: "succeeded" },
    false,
  ],
  ["the first success of all", { when: ["recovered"] }, { state: "succeeded" }, false],
  ["a failure after a failure", { when: ["recovered"] }, { stateBefore: "failed" }, false],
  ["a script by a pattern", { scripts: ["web/*", "db/*"] }, {}, true],
  ["another script", { scripts: ["db/v?cuum2"] }, {}, false],
  ["no stored script where one is asked for", { scripts: ["*"] }, { script: undefined }, false],
  ["a kind of origin", { origins: ["schedule"] }, {}, true],
  ["an origin by its name", { origins: ["schedule/nightly"] }, {}, true],
  ["an origin by its id", { origins: ["trigger/x", "schedule/sch_1"] }, {}, true],
  ["another origin of the kind", { origins: ["schedule/weekly"] }, {}, false],
  ["a name of another kind of origin", { origins: ["trigger/nightly"] }, {}, false],
  ["a target by its label", { on: ["label=role=web", "label=role=db"] }, {}, true],
  ["no such target", { on: ["label=role=web"] }, {}, false],
  ["a target of a group that is not there any more", { on: ["@old"] }, {}, true],
  ["a target that is gone", { on: ["label=role=web"] }, { targets: [target, undefined] }, true],
  [
    "all conditions, one of which does not hold",
    { scripts: ["db/*"], origins: ["trigger"] },
    {},
    false,
  ],
])("%s", (_, conditions, run, told) => {
  expect(isTold(rule(conditions), { ...failed, ...run })).toBe(told);
});
