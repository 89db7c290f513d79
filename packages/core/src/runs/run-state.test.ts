import fc from "fast-check";
import { expect, test } from "vitest";
import { canMove, EXECUTION_STATES, type ExecutionState, isTerminal } from "./execution-state.ts";
import { countStates, deriveRunState } from "./run-state.ts";

const states = fc.array(fc.constantFrom(...EXECUTION_STATES), { minLength: 1, maxLength: 30 });

test("a final state allows no step", () => {
  for (const from of EXECUTION_STATES.filter(isTerminal)) {
    for (const to of EXECUTION_STATES) expect(canMove(from, to)).toBe(false);
  }
});

test("nothing goes back to wait, so nothing that may have started is started again", () => {
  expect(EXECUTION_STATES.filter((from) => canMove(from, "queued"))).toEqual([]);
  expect(EXECUTION_STATES.filter((from) => canMove(from, "starting"))).toEqual(["queued"]);
});

test("a run has ended exactly when all its executions have", () => {
  fc.assert(
    fc.property(states, (list) => {
      expect(isTerminal(deriveRunState(countStates(list)))).toBe(list.every(isTerminal));
    }),
  );
});

test("a run succeeds only when every execution did", () => {
  fc.assert(
    fc.property(states, (list) => {
      expect(deriveRunState(countStates(list)) === "succeeded").toBe(
        list.every((state) => state === "succeeded"),
      );
    }),
  );
});

test("a run is queued until the first execution is taken", () => {
  const of = (...list: ExecutionState[]) => deriveRunState(countStates(list));
  expect(of("queued", "queued")).toBe("queued");
  expect(of("queued", "starting")).toBe("running");
  expect(of("queued", "succeeded")).toBe("running");
  expect(of("succeeded", "lost", "failed")).toBe("lost");
  expect(deriveRunState(countStates([]))).toBe("succeeded");
});
