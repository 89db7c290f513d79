import { randomBytes } from "node:crypto";
import { AS_THE_CONTAINER, type ExecutionSpec } from "../session.ts";

/** A specification for a suite, with everything but place and program at its usual value. */
export function executionSpec(
  given: Pick<ExecutionSpec, "containerId" | "program"> & Partial<ExecutionSpec>,
): ExecutionSpec {
  return {
    executionId: newExecutionId(),
    runId: "run_test",
    args: [],
    env: {},
    stdin: undefined,
    user: "",
    workdir: "",
    startTimeoutMs: 15_000,
    outputBytes: 64 * 1024 * 1024,
    timeoutMs: 3_600_000,
    killGraceMs: 5_000,
    survivors: "kill",
    resources: AS_THE_CONTAINER,
    ...given,
  };
}

export function newExecutionId(): string {
  return `exe_${randomBytes(13).toString("hex")}`;
}
