import type { ProbePlan } from "@deckhand/core";
import type { ExecutionSpec, Session } from "../../sessions/session.ts";
import type { RunPlan } from "../run-plan.ts";
import type { ExecutionRow } from "../run-store.ts";
import { type Look, WELL } from "./look-at-container.ts";

const KEPT_BYTES = 4_096;
const SHOWN_CHARACTERS = 200;

export interface ProbeDeps {
  readonly findSession: (engine: string) => Session | undefined;
  readonly newExecutionId: () => string;
  readonly startTimeoutMs: number;
}

export interface ProbedTarget {
  readonly row: ExecutionRow;
  readonly plan: RunPlan;
  readonly probe: ProbePlan;
  readonly timeoutMs: number;
}

/** Runs a probe once in a container; it is no execution of the run, and after a restart of the server it runs again. */
export async function runProbe(
  deps: ProbeDeps,
  target: ProbedTarget,
  signal: AbortSignal,
): Promise<Look> {
  const session = deps.findSession(target.row.engine);
  if (!session) return { kind: "never", detail: "its engine is not configured any more" };
  const result = await session.start(toSpec(deps, target));
  if (result.kind === "detached") return { kind: "not-yet", detail: "the probe was let go" };
  if (result.kind !== "started") return { kind: "not-yet", detail: result.reason.detail };
  const { execution } = result;
  const stop = () => void execution.stop({ graceMs: 0 });
  const timer = setTimeout(stop, target.timeoutMs);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  const last = await readLastBytes(execution.output);
  const outcome = await execution.outcome;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
  execution.release();
  if (outcome.kind !== "exited") return { kind: "not-yet", detail: "the probe's end is not known" };
  if (outcome.exitCode === 0) return WELL;
  // What a probe finds may be a secret of the script's.
  const said = target.plan.secretNames.length === 0 ? toLastLine(last) : "";
  return { kind: "not-yet", detail: `the probe ended with exit code ${outcome.exitCode}${said}` };
}

function toSpec(deps: ProbeDeps, { row, plan, probe, timeoutMs }: ProbedTarget): ExecutionSpec {
  return {
    executionId: deps.newExecutionId(),
    runId: row.run_id,
    containerId: row.container_id,
    program: probe.program,
    args: [],
    env: plan.env,
    stdin: undefined,
    user: probe.user ?? plan.user,
    workdir: plan.workdir,
    startTimeoutMs: Math.min(deps.startTimeoutMs, timeoutMs),
    outputBytes: KEPT_BYTES,
    timeoutMs,
    killGraceMs: 0,
    survivors: "kill",
    resources: plan.resources,
  };
}

async function readLastBytes(
  output: AsyncIterable<{ readonly bytes: Uint8Array }>,
): Promise<Buffer> {
  let last = Buffer.alloc(0);
  for await (const { bytes } of output)
    last = Buffer.from(Buffer.concat([last, bytes]).subarray(-KEPT_BYTES));
  return last;
}

function toLastLine(bytes: Buffer): string {
  const line = bytes.toString().trim().split("\n").at(-1)?.slice(0, SHOWN_CHARACTERS) ?? "";
  return line === "" ? "" : `: ${line}`;
}
