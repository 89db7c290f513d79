import { expect, test } from "vitest";
import {
  type EndedExecution,
  type EndedOutcome,
  type StopReason,
  toSettlement,
} from "./settlement.ts";

const NONE = { stdout: 0, stderr: 0 };
const TOTALS = {
  stdoutBytes: 3,
  stderrBytes: 0,
  storedBytes: 3,
  truncated: false,
  problem: undefined,
};
const CANCEL: StopReason = {
  state: "cancelled",
  reason: { code: "cancel-requested", detail: "Cancelled by ann." },
};

function exited(exitCode: number, signal?: string): EndedOutcome {
  return {
    kind: "exited",
    exitCode,
    signal,
    stoppedBy: undefined,
    usage: undefined,
    outputComplete: true,
    dropped: NONE,
    leftovers: [],
  };
}

function lost(code: "container-gone" | "connection-lost"): EndedOutcome {
  return { kind: "lost", reason: { code, detail: "Gone." }, dropped: NONE };
}

function settle(ended: Partial<EndedExecution>) {
  return toSettlement({
    outcome: exited(0),
    stop: undefined,
    leftovers: [],
    totals: TOTALS,
    atMs: 7,
    ...ended,
  });
}

test("exit code 0 succeeds, any other fails with the code", () => {
  expect(settle({})).toMatchObject({
    state: "succeeded",
    exitCode: 0,
    reason: { code: "exit-zero" },
  });
  expect(settle({ outcome: exited(3) })).toMatchObject({
    state: "failed",
    exitCode: 3,
    reason: { code: "exit-code" },
  });
});

test("an end by signal says which", () => {
  const settled = settle({ outcome: exited(137, "SIGKILL") });
  expect(settled).toMatchObject({ state: "failed", signal: "SIGKILL", reason: { code: "signal" } });
});

test("a script that ends with 0 after it was told to stop was stopped", () => {
  expect(settle({ stop: CANCEL })).toMatchObject({ state: "cancelled", exitCode: 0 });
});

test("what a stop could not end is named", () => {
  const settled = settle({ stop: CANCEL, leftovers: [{ pid: 41, command: "sleep 9" }] });
  expect(settled.reason?.detail).toContain("41");
  expect(settled.leftovers).toEqual([{ pid: 41, command: "sleep 9" }]);
});

test("a lost connection is lost and never a success, also when a stop was asked for", () => {
  expect(settle({ outcome: lost("connection-lost") })).toMatchObject({ state: "lost" });
  expect(settle({ outcome: lost("connection-lost"), stop: CANCEL })).toMatchObject({
    state: "lost",
  });
});

test("a container that went away while we stopped the script did what was asked for", () => {
  expect(settle({ outcome: lost("container-gone"), stop: CANCEL })).toMatchObject({
    state: "cancelled",
  });
});

test("output is complete only when the session and the disk say so", () => {
  expect(settle({}).output?.complete).toBe(true);
  expect(settle({ outcome: lost("connection-lost") }).output?.complete).toBe(false);
  expect(settle({ totals: { ...TOTALS, problem: new Error("ENOSPC") } }).output?.complete).toBe(
    false,
  );
});
