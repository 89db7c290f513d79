import { DEFAULT_LIMITS, type RunRequestInput, runRequest, type Target } from "@deckhand/core";
import { expect, test } from "vitest";
import { type PlanDeps, planRun, toPlanView } from "./plan-run.ts";
import { readPlan } from "./run-plan.ts";

const TARGET: Target = {
  id: "tgt_3f9a1c0b7d2e4f68",
  name: "db-1",
  engine: "local",
  containerId: "f1d1c0ffee",
  image: "postgres:16",
  state: "running",
  health: "none",
  project: null,
  service: null,
  labels: {},
  startedAt: null,
};

const deps: PlanDeps = {
  scripts: { get: () => Promise.reject(), getVersion: () => Promise.reject() },
  select: {
    listTargets: () => [TARGET],
    catchUpTargets: async () => {},
    refreshTargets: async () => {},
    readGroups: async () => new Map(),
  },
  pick: async ({ targets }) => ({ targets, pick: undefined }),
  newSeed: () => 1,
  limits: DEFAULT_LIMITS,
  findSecret: async (name) => (name === "db/main" ? "open sesame" : undefined),
};

function plan(request: Partial<RunRequestInput>) {
  return planRun(deps, runRequest.parse({ on: ["db-1"], ...request }), { isTrial: true });
}

function withHeader(...lines: readonly string[]): Partial<RunRequestInput> {
  const header = ["@deckhand 1", ...lines].map((line) => `# ${line}\n`).join("");
  return { inline: { text: `#!/bin/sh\n${header}true\n` } };
}

test("only the oom score is set, and survivors are ended, when nothing is asked for", async () => {
  const { limits, survivors, effect } = toPlanView(await plan({ argv: ["true"] }));
  expect({ limits, survivors, effect }).toEqual({
    limits: {
      timeoutMs: DEFAULT_LIMITS.timeoutMs,
      killGraceMs: DEFAULT_LIMITS.killGraceMs,
      outputBytes: DEFAULT_LIMITS.outputBytes,
      nice: null,
      oomScore: 1000,
      cpuTimeMs: null,
      openFiles: null,
      fileBytes: null,
      processes: null,
      umask: null,
    },
    survivors: "kill",
    effect: null,
  });
});

test("every limit of a header goes into the plan as the session takes it", async () => {
  const { plan: planned } = await plan(
    withHeader(
      "@nice -5",
      "@oom-score 0",
      "@cpu-time 1m30s",
      "@open-files 256",
      "@file-size 1MiB",
      "@max-processes 64",
      "@umask 0027",
      "@survivors wait",
      "@effect destructive",
    ),
  );
  expect(planned).toMatchObject({
    resources: {
      nice: -5,
      oomScore: 0,
      cpuSeconds: 90,
      openFiles: 256,
      fileBytes: 1_048_576,
      processes: 64,
      umask: 0o027,
    },
    survivors: "wait",
    effect: "destructive",
  });
});

test("a request's limit goes before the header's, one by one", async () => {
  const planned = await plan({
    ...withHeader("@nice 5", "@umask 077", "@cpu-time 10s", "@survivors wait"),
    limits: { nice: 0, cpuTime: "2m" },
    survivors: "kill",
  });
  expect(toPlanView(planned)).toMatchObject({
    limits: { nice: 0, umask: "077", cpuTimeMs: 120_000 },
    survivors: "kill",
  });
});

test("when it starts is what the request says, else the header, part by part", async () => {
  const header = withHeader("@parallel 10", "@on-failure continue", "@concurrency db/vacuum skip");
  expect(toPlanView(await plan(header))).toMatchObject({
    rollout: { maxConcurrency: 10, maxErrors: null },
    concurrency: { key: "db/vacuum", onConflict: "skip" },
  });
  const asked = await plan({ ...header, rollout: { maxErrors: 3 }, concurrency: { key: "other" } });
  expect(toPlanView(asked)).toMatchObject({
    rollout: { maxConcurrency: 10, maxErrors: 3 },
    concurrency: { key: "other", onConflict: "queue" },
  });
  expect([asked.keptRequest.rollout?.maxConcurrency, asked.keptRequest.concurrency?.key]).toEqual([
    undefined,
    "other",
  ]);
});

test("a gate on a HEALTHCHECK that a target has not is refused", async () => {
  const rollout = { canary: 1, health: { healthcheck: true } };
  await expect(plan({ argv: ["true"], rollout })).rejects.toMatchObject({
    code: "HEALTHCHECK_MISSING",
    status: 422,
    message: "1 of 1 containers has no HEALTHCHECK: db-1.",
    errors: [{ pointer: "/rollout/health/healthcheck" }],
  });
});

test("the request that is kept for a rerun has what was asked for, and not what a header says", async () => {
  const { keptRequest } = await plan({
    ...withHeader("@nice 5", "@survivors wait"),
    limits: { openFiles: 10 },
  });
  expect(keptRequest.limits).toEqual({ openFiles: 10 });
  expect(keptRequest.survivors).toBeUndefined();
});

test("a plan comes back from its text as it was", async () => {
  const { plan: planned } = await plan({ argv: ["true"], limits: { umask: "000", fileBytes: 0 } });
  expect(readPlan(JSON.stringify(planned))).toEqual(planned);
});

test("a plan that an earlier version kept is read with what was true of it", async () => {
  const {
    resources: _r,
    survivors: _s,
    effect: _e,
    ...earlier
  } = (await plan({ argv: ["x"] })).plan;
  expect(readPlan(JSON.stringify(earlier))).toMatchObject({
    program: { kind: "argv", argv: ["x"] },
    resources: { oomScore: undefined, nice: undefined },
    survivors: "kill",
    effect: null,
  });
});

test("a stored secret fills its parameter, from the request or by the header, and a value goes before it", async () => {
  const script = withHeader("@secret A from=db/main", "@secret B", "@secret C? from=db/gone");
  const {
    plan: planned,
    secrets,
    keptRequest,
  } = await plan({ ...script, secrets: { B: "db/main" } });
  expect(secrets).toEqual({ A: "open sesame", B: "open sesame" });
  expect(planned.shownParams).toEqual({ A: "••• db/main", B: "••• db/main" });
  expect(JSON.stringify([planned, keptRequest])).not.toContain("sesame");
  expect(keptRequest.secrets).toEqual({ B: "db/main" });
  const given = await plan({ ...script, params: { A: "of my own", B: "another" } });
  expect(given.secrets).toEqual({ A: "of my own", B: "another" });
  expect(given.keptRequest.params).toEqual({});
});

test("what is declared as an argument comes before the caller's, in the order of the header, and is a variable too", async () => {
  const script = withHeader(
    "@args",
    "@param B string arg",
    "@param X int",
    "@param A int arg = 07",
  );
  const { plan: planned } = await plan({ ...script, params: { B: "-b", X: 1 }, args: ["more"] });
  expect(planned.args).toEqual(["-b", "7", "more"]);
  expect(planned.env).toMatchObject({ B: "-b", X: "1", A: "7" });
});

test("a target as a parameter is one that runs, and the script gets to know it", async () => {
  const script = withHeader("@param FROM target", "@param TO target?");
  const { plan: planned } = await plan({ ...script, params: { FROM: "image=postgres:*" } });
  expect(planned.shownParams).toEqual({ FROM: "image=postgres:*" });
  expect(planned.env).toEqual({
    FROM: "db-1",
    FROM_ID: "tgt_3f9a1c0b7d2e4f68",
    FROM_CONTAINER_ID: "f1d1c0ffee",
    FROM_ENGINE: "local",
  });
  const wrong = plan({ ...script, params: { FROM: "db-2", TO: "db-3" } });
  await expect(wrong).rejects.toMatchObject({
    code: "PARAM_INVALID",
    errors: [
      { pointer: "/params/FROM", detail: "matches no running target" },
      { pointer: "/params/TO", detail: "matches no running target" },
    ],
  });
  await expect(plan({ ...script, params: { FROM: "a=b=" } })).rejects.toMatchObject({
    errors: [{ pointer: "/params/FROM", detail: expect.stringMatching(/^is no selector: /) }],
  });
});
