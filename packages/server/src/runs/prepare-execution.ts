import type { OutcomeReason } from "@deckhand/core";
import type { ExecutionSpec, RunningExecution, Session } from "../sessions/session.ts";
import type { SecretMask } from "../secrets/secret-mask.ts";
import { toSqlPrelude } from "../sql/sql-prelude.ts";
import type { ExecuteDeps, UnderWay } from "./execution-deps.ts";
import { type RunPlan, readPlan } from "./run-plan.ts";
import { findScriptText, findStdin } from "./run-inputs.ts";
import { openRunSecrets, type RunSecrets } from "./run-secrets.ts";
import { type ExecutionRow, getRun } from "./run-store.ts";

export interface Prepared {
  readonly plan: RunPlan;
  readonly spec: ExecutionSpec;
  readonly session: Session;
  /** Whether nothing of the run has started before. */
  readonly isFirst: boolean;
  /** Hides the run's secrets in what comes out of it. */
  readonly mask: SecretMask | undefined;
  /** Why it can not be started any more, although one that runs can be taken up. */
  readonly unstartable: OutcomeReason | undefined;
}

/** What an execution is made from. */
export interface StartInputs {
  readonly plan: RunPlan;
  /** Whether nothing of the run has started before. */
  readonly isFirst: boolean;
  readonly secrets: RunSecrets;
  /** `undefined` where the plan runs a command line. */
  readonly scriptText: string | undefined;
  readonly stdin: Uint8Array | undefined;
}

/** Reads what was written down when the run was accepted. */
export async function readStartInputs(
  deps: Pick<ExecuteDeps, "db" | "vault">,
  { run_id: runId }: ExecutionRow,
): Promise<StartInputs> {
  const run = await getRun(deps.db, runId);
  const plan = readPlan(run.plan_json);
  const { program, secretNames, hasStdin } = plan;
  return {
    plan,
    isFirst: run.started_at === null,
    secrets: await openRunSecrets(deps, { runId, secretNames }),
    scriptText:
      program.kind === "script" ? await findScriptText(deps.db, program.sha256) : undefined,
    stdin: hasStdin ? await findStdin(deps.db, runId) : undefined,
  };
}

export function prepare(
  deps: ExecuteDeps,
  row: ExecutionRow,
  inputs: StartInputs,
): Prepared | OutcomeReason {
  const session = deps.findSession(row.engine);
  if (!session) {
    return {
      code: "engine-unreachable",
      detail: `The engine ${row.engine} is not configured any more.`,
    };
  }
  const { plan, isFirst, secrets } = inputs;
  const { mask, problem } = secrets;
  const spec = toSpec(deps, row, inputs);
  return { plan, session, spec, isFirst, mask, unstartable: problem };
}

function toSpec(
  { startTimeoutMs }: ExecuteDeps,
  row: ExecutionRow,
  inputs: StartInputs,
): ExecutionSpec {
  const { plan, secrets, stdin } = inputs;
  return {
    executionId: row.id,
    runId: row.run_id,
    containerId: row.container_id,
    containerStartedAt: row.container_started_at ?? undefined,
    program: toProgram(inputs),
    args: plan.args,
    env: { ...plan.env, ...secrets.values },
    stdin,
    user: plan.user,
    workdir: plan.workdir,
    startTimeoutMs,
    outputBytes: plan.outputBytes,
    timeoutMs: plan.timeoutMs,
    killGraceMs: plan.killGraceMs,
    survivors: plan.survivors,
    resources: plan.resources,
  };
}

function toProgram({ plan, scriptText: text }: StartInputs): ExecutionSpec["program"] {
  const { program } = plan;
  if (program.kind === "argv") return program;
  if (text === undefined)
    throw new Error(`the script text ${program.sha256} of an accepted run is missing`);
  const { launch } = program;
  const { sql } = launch;
  return { kind: "script", text, launch: sql ? { ...launch, prelude: toSqlPrelude(sql) } : launch };
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
