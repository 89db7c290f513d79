import type { OutcomeReason } from "@deckhand/core";
import type { ExecutionSpec, RunningExecution, Session } from "../sessions/session.ts";
import type { ExecuteDeps, UnderWay } from "./execution-deps.ts";
import { type RunPlan, readPlan } from "./run-plan.ts";
import { findScriptText, findStdin } from "./run-inputs.ts";
import { type ExecutionRow, getRun } from "./run-store.ts";

export interface Prepared {
  readonly plan: RunPlan;
  readonly spec: ExecutionSpec;
  readonly session: Session;
  /** Why it can not be started any more, although one that runs can be taken up. */
  readonly unstartable: OutcomeReason | undefined;
}

export async function prepare(
  deps: ExecuteDeps,
  row: ExecutionRow,
): Promise<Prepared | OutcomeReason> {
  const session = deps.findSession(row.engine);
  if (!session) {
    return {
      code: "engine-unreachable",
      detail: `The engine ${row.engine} is not configured any more.`,
    };
  }
  const plan = readPlan((await getRun(deps.db, row.run_id)).plan_json);
  const secrets = deps.secrets.find(row.run_id);
  const spec = await toSpec(deps, { row, plan, secrets: secrets ?? {} });
  return { plan, session, spec, unstartable: secrets ? undefined : toForgottenSecrets(plan) };
}

function toForgottenSecrets({ secretNames }: RunPlan): OutcomeReason | undefined {
  if (secretNames.length === 0) return undefined;
  return {
    code: "secret-forgotten",
    detail: `The server restarted before the start, and secrets (${secretNames.join(", ")}) are kept in memory only.`,
  };
}

interface SpecParts {
  readonly row: ExecutionRow;
  readonly plan: RunPlan;
  readonly secrets: Readonly<Record<string, string>>;
}

async function toSpec(
  deps: ExecuteDeps,
  { row, plan, secrets }: SpecParts,
): Promise<ExecutionSpec> {
  return {
    executionId: row.id,
    runId: row.run_id,
    containerId: row.container_id,
    containerStartedAt: row.container_started_at ?? undefined,
    program: await toProgram(deps, plan),
    args: plan.args,
    env: { ...plan.env, ...secrets },
    stdin: plan.hasStdin ? await findStdin(deps.db, row.run_id) : undefined,
    user: plan.user,
    workdir: plan.workdir,
    startTimeoutMs: deps.startTimeoutMs,
    outputBytes: plan.outputBytes,
    timeoutMs: plan.timeoutMs,
    killGraceMs: plan.killGraceMs,
    survivors: plan.survivors,
    resources: plan.resources,
  };
}

async function toProgram(
  deps: ExecuteDeps,
  { program }: RunPlan,
): Promise<ExecutionSpec["program"]> {
  if (program.kind === "argv") return program;
  const text = await findScriptText(deps.db, program.sha256);
  if (text === undefined)
    throw new Error(`the script text ${program.sha256} of an accepted run is missing`);
  return { kind: "script", text, launch: program.launch };
}

export interface Startable extends Prepared {
  readonly row: ExecutionRow;
  readonly self: UnderWay;
}

export interface Running extends Startable {
  readonly running: RunningExecution;
  /** Whether an earlier server process has written part of its output. */
  readonly isResumed: boolean;
}
