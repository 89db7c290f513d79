import type { OutcomeReason } from "@deckhand/core";
import type { ExecutionSpec, RunningExecution, Session } from "../sessions/session.ts";
import type { SecretMask } from "../secrets/secret-mask.ts";
import { toSqlPrelude } from "../sql/sql-prelude.ts";
import type { ExecuteDeps, UnderWay } from "./execution-deps.ts";
import { type RunPlan, readPlan } from "./run-plan.ts";
import { findScriptText, findStdin } from "./run-inputs.ts";
import { openRunSecrets } from "./run-secrets.ts";
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
  const run = await getRun(deps.db, row.run_id);
  const plan = readPlan(run.plan_json);
  const { secretNames } = plan;
  const { values, mask, problem } = await openRunSecrets(deps, { runId: row.run_id, secretNames });
  const spec = await toSpec(deps, { row, plan, secrets: values });
  const isFirst = run.started_at === null;
  return { plan, session, spec, isFirst, mask, unstartable: problem };
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
