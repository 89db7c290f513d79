import { ERROR_CATALOG, type Execution, STATUS_BY_CLASS } from "@deckhand/core";
import { expect, test } from "vitest";
import { EXIT, exitCodeOfProblem, exitCodeOfRun, highestExitCode } from "./exit-codes.ts";

function execution(state: Execution["state"], facts: Partial<Execution> = {}): Execution {
  return { state, exitCode: null, signal: null, reason: null, ...facts } as Execution;
}

const codeOf = (...executions: Execution[]) => {
  const state = executions.find((one) => one.state !== "succeeded")?.state ?? "succeeded";
  return exitCodeOfRun({ state: state === "starting" ? "running" : state, executions });
};

test.each([
  ["succeeded", {}, 0],
  ["failed", { exitCode: 7 }, 7],
  ["failed", { exitCode: 137, signal: "SIGKILL" }, 137],
  ["timed-out", { exitCode: 143 }, 124],
  ["cancelled", { exitCode: 143 }, 130],
  ["lost", {}, 125],
  ["rejected", { reason: { code: "user-unknown", detail: "" } }, 125],
  ["rejected", { reason: { code: "interpreter-missing", detail: "" } }, 127],
  ["skipped", {}, 125],
] as const)("one execution that %s with %j gives %i", (state, facts, code) => {
  expect(codeOf(execution(state, facts))).toBe(code);
});

test("several executions give 0 or 1, or the highest on request", () => {
  const [well, ill] = [execution("succeeded"), execution("failed", { exitCode: 3 })];
  expect(codeOf(well, well)).toBe(0);
  expect(codeOf(well, ill)).toBe(1);
  expect(highestExitCode({ executions: [well, ill] })).toBe(3);
});

test("a run without executions succeeded", () => {
  expect(exitCodeOfRun({ state: "succeeded", executions: [] })).toBe(0);
});

test("every refusal of the server has an exit code of its class", () => {
  for (const [code, entry] of Object.entries(ERROR_CATALOG)) {
    const exitCode = exitCodeOfProblem({ status: STATUS_BY_CLASS[entry.class], code });
    expect([64, 65, 66, 69, 70, 75, 77], code).toContain(exitCode);
    if (entry.class !== "internal") expect(exitCode, code).not.toBe(EXIT.internal);
  }
});

test("nothing matched is not found, not a wrong request", () => {
  expect(exitCodeOfProblem({ status: 422, code: "NO_TARGET_MATCHED" })).toBe(66);
});
