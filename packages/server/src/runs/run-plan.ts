import type {
  Concurrency,
  LimitsView,
  ParamValue,
  PickView,
  RetryRequest,
  RolloutPlan,
  Run,
  RunRequest,
  ScriptLaunch,
  SqlView,
} from "@deckhand/core";
import { AS_THE_CONTAINER, type Resources, type SurvivorPolicy } from "../sessions/session.ts";

/** Added to the container's own score, so that memory that ends takes the script and not the main process. */
export const DEFAULT_OOM_SCORE = 1000;

/** What a run will do, frozen when it is accepted, so that whoever carries it out looks nothing up. */
export interface RunPlan {
  readonly kind: "script" | "inline" | "argv";
  readonly title: string;
  readonly script:
    | { readonly name: string; readonly version: number; readonly sha256: string }
    | undefined;
  readonly program: PlannedProgram;
  readonly args: readonly string[];
  /** Without the values of secrets: those are sealed. */
  readonly env: Readonly<Record<string, string>>;
  readonly secretNames: readonly string[];
  readonly shownParams: Readonly<Record<string, ParamValue>>;
  readonly hasStdin: boolean;
  readonly user: string;
  readonly workdir: string;
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  readonly outputBytes: number;
  readonly resources: Resources;
  readonly survivors: SurvivorPolicy;
  /** What the script's header says of it. */
  readonly effect: Run["effect"];
  readonly concurrency?: Concurrency | undefined;
  readonly retry?: RetryRequest | undefined;
  /** Which targets were taken of more that match. */
  readonly pick?: PickView | undefined;
  /** Without it everything starts at once. */
  readonly rollout?: RolloutPlan | undefined;
}

/** The script's text is kept once for all runs, by its hash. */
export type PlannedProgram =
  | { readonly kind: "argv"; readonly argv: readonly string[] }
  | { readonly kind: "script"; readonly sha256: string; readonly launch: ScriptLaunch };

/** One target of a run as it was when the run was accepted. */
export interface PlannedTarget {
  readonly id: string;
  readonly name: string;
  readonly engine: string;
  readonly containerId: string;
  readonly containerStartedAt: string | undefined;
  readonly image: string;
}

/** The request without what must not be kept; a rerun starts from it. */
export type KeptRequest = Omit<RunRequest, "stdin" | "secrets"> &
  // Requests that an earlier version kept have none.
  Partial<Pick<RunRequest, "secrets">>;

/** What plans of an earlier version do not say. */
const UNSAID = {
  resources: AS_THE_CONTAINER,
  survivors: "kill",
  effect: null,
} as const satisfies Partial<RunPlan>;

/** Reads a plan as it is kept, also one that an earlier version made. */
export function readPlan(planJson: string): RunPlan {
  return { ...UNSAID, ...(JSON.parse(planJson) as Omit<RunPlan, keyof typeof UNSAID>) };
}

/** Shows what starts the script; null for a command line. */
export function toInterpreterView(program: PlannedProgram): string[] | null {
  if (program.kind === "argv") return null;
  const { commands, flags, sql } = program.launch;
  if (sql) return sql.client === "auto" ? ["sql"] : ["sql", sql.client];
  return [commands.join("|"), ...flags];
}

/** Shows what holds for an SQL script. */
export function toSqlView(program: PlannedProgram): SqlView {
  const sql = program.kind === "script" ? program.launch.sql : undefined;
  if (!sql) return null;
  const { client, rows, readOnly, database } = sql;
  const name = database?.kind === "param" ? `$${database.param}` : (database?.name ?? null);
  return { client, database: name, rows, readOnly };
}

/** Shows what was chosen; null is what the container has. */
export function toLimitsView(plan: RunPlan): LimitsView {
  const { nice, oomScore, cpuSeconds, openFiles, fileBytes, processes, umask } = plan.resources;
  return {
    timeoutMs: plan.timeoutMs,
    killGraceMs: plan.killGraceMs,
    outputBytes: plan.outputBytes,
    nice: nice ?? null,
    oomScore: oomScore ?? null,
    cpuTimeMs: cpuSeconds === undefined ? null : cpuSeconds * 1_000,
    openFiles: openFiles ?? null,
    fileBytes: fileBytes ?? null,
    processes: processes ?? null,
    umask: umask === undefined ? null : umask.toString(8).padStart(3, "0"),
  };
}
