import { createHash } from "node:crypto";
import {
  AppError,
  assertEnvAllowed,
  type Limits,
  type LaunchInput,
  notSql,
  parseDurationMs,
  parseScriptHeader,
  parseSelector,
  type ResolvedParams,
  type ResourceLimits,
  resolveLaunch,
  resolveParams,
  type RunPlanView,
  type RunRequest,
  type ScriptHeader,
  type ScriptLaunch,
  withHeaderDefaults,
} from "@deckhand/core";
import { type ChooseTargetsDeps, chooseTargets } from "./choose-targets.ts";
import { readStoredScript, type ScriptVersions } from "./read-stored-script.ts";
import { readStoredSecrets } from "./read-stored-secrets.ts";
import type { Resources } from "../sessions/session.ts";
import { resolveTargetParams } from "./resolve-target-params.ts";
import { orderRun } from "./rollout/order-run.ts";
import { toRolloutPlanView } from "./rollout/rollout-view.ts";
import {
  DEFAULT_OOM_SCORE,
  type KeptRequest,
  type PlannedTarget,
  type RunPlan,
  toInterpreterView,
  toLimitsView,
  toSqlView,
} from "./run-plan.ts";

export interface PlanDeps extends ChooseTargetsDeps {
  readonly scripts: ScriptSource;
  readonly limits: Limits;
  /** Gives `undefined` where there is no stored secret of that name. */
  readonly findSecret: (name: string) => Promise<string | undefined>;
}

/** What does not depend on where a run goes. */
type CheckDeps = Omit<PlanDeps, "select" | "pick" | "newSeed">;

/** The part of the script library that a plan reads. */
export type ScriptSource = ScriptVersions<StoredScript>;

export interface StoredScript {
  readonly name: string;
  readonly path: string;
  readonly version: number;
  readonly sha256: string;
  readonly text: string;
}

/** A plan with everything that is kept beside it, or not kept at all. */
export interface PlannedRun {
  readonly plan: RunPlan;
  readonly targets: readonly PlannedTarget[];
  readonly keptRequest: KeptRequest;
  readonly scriptText: string | undefined;
  readonly stdin: Uint8Array | undefined;
  /** Values of secret parameters by name; to be sealed. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** What is to be started, with what its header says. */
interface Source {
  readonly kind: RunPlan["kind"];
  readonly title: string;
  readonly script: RunPlan["script"];
  readonly program: RunPlan["program"];
  readonly text: string | undefined;
  readonly header: ScriptHeader | undefined;
}

/** Throws what would be refused of a request whenever it is made, wherever it goes; gives the names of its secrets. */
export async function checkRequest(
  deps: CheckDeps,
  request: RunRequest,
): Promise<readonly string[]> {
  const { params, rollout } = await resolveSource(deps, request);
  for (const selector of [...request.on, ...request.except]) parseSelector(selector);
  orderRun({ newSeed: () => 0 }, { rollout }, []);
  return Object.keys(params.secrets);
}

/** Resolves a request to what will be done, where, with which values; changes nothing. */
export async function planRun(
  deps: PlanDeps,
  request: RunRequest,
  { isTrial }: { readonly isTrial: boolean },
): Promise<PlannedRun> {
  const { source, params, stdin, plan, rollout } = await resolveSource(deps, request);
  const chosen = await chooseTargets(deps, { ...request, rollout }, isTrial);
  const facts = await resolveTargetParams(deps.select, source.header, params);
  return {
    plan: {
      ...plan,
      pick: chosen.pick,
      rollout: chosen.rollout,
      env: { ...plan.env, ...facts },
    },
    targets: chosen.targets,
    keptRequest: toKept(request, params),
    scriptText: source.text,
    stdin,
    secrets: params.secrets,
  };
}

async function resolveSource(deps: CheckDeps, request: RunRequest) {
  const source = await toSource(deps, request);
  const params = await toParams(deps, source, request);
  assertEnvAllowed(request.env);
  assertArgs(source, request);
  const stdin = toStdin(request, deps.limits);
  const plan = toPlan(deps, { request, source, params, hasStdin: stdin !== undefined });
  const rollout = withHeaderDefaults(request.rollout, source.header?.rollout ?? null);
  return { source, params, stdin, plan, rollout };
}

async function toSource(deps: CheckDeps, request: RunRequest): Promise<Source> {
  if (request.argv) return toArgvSource(request);
  if (request.inline) return toInlineSource(request, request.inline, deps.limits);
  return toStoredSource(request, await readStoredScript(deps.scripts, request.script ?? ""));
}

function toArgvSource({ argv = [], sql }: RunRequest): Source {
  if (sql) throw notSql();
  const title = argv.join(" ").slice(0, 200);
  return {
    kind: "argv",
    title,
    script: undefined,
    program: { kind: "argv", argv },
    text: undefined,
    header: undefined,
  };
}

function toInlineSource(
  request: RunRequest,
  inline: NonNullable<RunRequest["inline"]>,
  limits: Limits,
): Source {
  const { text, name = "inline script", interpreter } = inline;
  assertScriptSize(text, limits);
  const header = soundHeader(text, name, "/inline/text");
  const launch = resolveLaunch({ header, path: name, interpreter, ...toSqlParts(request) });
  return { kind: "inline", title: name, script: undefined, header, ...toProgram(text, launch) };
}

function toStoredSource(request: RunRequest, stored: StoredScript): Source {
  const { name, version, sha256, text, path } = stored;
  const header = soundHeader(text, path, "/script");
  const launch = resolveLaunch({ header, path, interpreter: undefined, ...toSqlParts(request) });
  return {
    kind: "script",
    title: name,
    script: { name, version, sha256 },
    header,
    ...toProgram(text, launch),
  };
}

function toSqlParts({ sql, params, secrets }: RunRequest): Pick<LaunchInput, "sql" | "given"> {
  return { sql, given: [...Object.keys(params), ...Object.keys(secrets)] };
}

function toProgram(text: string, launch: ScriptLaunch): Pick<Source, "program" | "text"> {
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { program: { kind: "script", sha256, launch }, text };
}

function soundHeader(text: string, path: string, pointer: string): ScriptHeader {
  const { header, problems } = parseScriptHeader(text, path);
  if (problems.length === 0) return header;
  throw new AppError("SCRIPT_INVALID", {
    detail: `The header of ${path} has ${problems.length === 1 ? "an error" : `${problems.length} errors`}: line ${problems[0]?.line}: ${problems[0]?.detail}`,
    errors: problems.map((problem) => ({
      pointer,
      detail: `line ${problem.line}, column ${problem.column}: ${problem.detail}`,
    })),
    hint: "Check it: deckhand scripts check FILE",
  });
}

function assertScriptSize(text: string, { scriptBytes }: Limits): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > scriptBytes)
    throw exceeded(`The script has ${bytes} bytes; the limit is ${scriptBytes}.`, "/inline/text");
  if (text.includes("\0")) {
    throw new AppError("SCRIPT_INVALID", {
      detail: "A script can not hold a NUL character.",
      errors: [{ pointer: "/inline/text", detail: "holds a NUL" }],
    });
  }
}

async function toParams(
  { findSecret }: CheckDeps,
  { header }: Source,
  request: RunRequest,
): Promise<ResolvedParams> {
  const secrets = await readStoredSecrets(findSecret, header, request);
  return resolveParams(header, request.params, { secrets });
}

function assertArgs({ header, kind, program }: Source, { args }: RunRequest): void {
  const acceptsArgs =
    kind !== "argv" &&
    !isSql(program) &&
    (header === undefined || !header.declared || header.acceptsArgs);
  if (args.length === 0 || acceptsArgs) return;
  throw new AppError("PARAM_INVALID", {
    detail:
      kind === "argv"
        ? "Put all arguments into `argv`."
        : isSql(program)
          ? "SQL takes parameters, and no arguments."
          : "The script's header does not declare @args, so it takes no arguments.",
    errors: [{ pointer: "/args", detail: "are not accepted here" }],
  });
}

function isSql(program: RunPlan["program"]): boolean {
  return program.kind === "script" && program.launch.sql !== undefined;
}

function toStdin({ stdin }: RunRequest, { stdinBytes }: Limits): Uint8Array | undefined {
  if (stdin === undefined) return undefined;
  const bytes =
    typeof stdin === "string" ? Buffer.from(stdin) : Buffer.from(stdin.base64, "base64");
  if (bytes.length > stdinBytes)
    throw exceeded(`stdin has ${bytes.length} bytes; the limit is ${stdinBytes}.`, "/stdin");
  return bytes.length === 0 ? undefined : bytes;
}

interface PlanParts {
  readonly request: RunRequest;
  readonly source: Source;
  readonly params: ResolvedParams;
  readonly hasStdin: boolean;
}

function toPlan(
  deps: Pick<PlanDeps, "limits">,
  { request, source, params, hasStdin }: PlanParts,
): RunPlan {
  const { kind, title, script, program, header } = source;
  return {
    kind,
    title,
    script,
    program,
    args: isSql(program) ? [] : [...params.args, ...request.args],
    env: { ...header?.env, ...request.env, ...params.env },
    secretNames: Object.keys(params.secrets),
    shownParams: params.shown,
    hasStdin,
    user: request.user ?? header?.user ?? "",
    workdir: request.workdir ?? header?.workdir ?? "",
    ...toLimits(deps.limits, { request, header }),
    resources: toResources({ ...header?.limits, ...request.limits }),
    survivors: request.survivors ?? header?.survivors ?? "kill",
    effect: header?.effect ?? null,
    concurrency: request.concurrency ?? header?.concurrency ?? undefined,
    retry: request.retry,
  };
}

function toLimits(
  limits: Limits,
  { request, header }: Pick<PlanParts, "request"> & { readonly header: Source["header"] },
) {
  const { timeout, killGrace, outputBytes } = request.limits;
  const timeoutMs =
    timeout === undefined ? (header?.timeoutMs ?? limits.timeoutMs) : parseDurationMs(timeout);
  const killGraceMs = killGrace === undefined ? limits.killGraceMs : parseDurationMs(killGrace);
  if (timeoutMs > limits.longestTimeoutMs)
    throw exceeded(
      `The timeout is ${timeoutMs} ms; the limit is ${limits.longestTimeoutMs} ms.`,
      "/limits/timeout",
    );
  if (killGraceMs > limits.timeoutMs)
    throw exceeded(
      `The kill grace is ${killGraceMs} ms; the limit is ${limits.timeoutMs} ms.`,
      "/limits/killGrace",
    );
  if ((outputBytes ?? 0) > limits.outputBytes)
    throw exceeded(
      `${outputBytes} bytes of output are asked for; the limit is ${limits.outputBytes}.`,
      "/limits/outputBytes",
    );
  return { timeoutMs, killGraceMs, outputBytes: outputBytes ?? limits.outputBytes };
}

function toResources(limits: ResourceLimits): Resources {
  const { nice, oomScore = DEFAULT_OOM_SCORE, openFiles, fileBytes, processes } = limits;
  const { cpuTime, umask } = limits;
  return {
    nice,
    oomScore,
    cpuSeconds: cpuTime === undefined ? undefined : parseDurationMs(cpuTime) / 1_000,
    openFiles,
    fileBytes,
    processes,
    umask: umask === undefined ? undefined : Number.parseInt(umask, 8),
  };
}

function exceeded(detail: string, pointer: string): AppError {
  return new AppError("LIMIT_EXCEEDED", {
    detail,
    errors: [{ pointer, detail }],
    hint: "The server's limits are in GET /api/v1/info.",
  });
}

/** Secrets and bytes for stdin are not kept with the request. */
function toKept({ stdin: _, ...request }: RunRequest, { secrets }: ResolvedParams): KeptRequest {
  const params = Object.fromEntries(
    Object.entries(request.params).filter(([name]) => !(name in secrets)),
  );
  return { ...request, params };
}

/** Shows a plan as the dry run does. */
export function toPlanView({ plan, targets }: PlannedRun): RunPlanView {
  const { program } = plan;
  return {
    kind: plan.kind,
    title: plan.title,
    script: plan.script ?? null,
    interpreter: toInterpreterView(program),
    argv: program.kind === "argv" ? [...program.argv] : null,
    params: { ...plan.shownParams },
    args: [...plan.args],
    user: plan.user,
    workdir: plan.workdir,
    limits: toLimitsView(plan),
    survivors: plan.survivors,
    effect: plan.effect,
    concurrency: plan.concurrency ?? null,
    retry: plan.retry ?? null,
    sql: toSqlView(program),
    pick: plan.pick ?? null,
    rollout: plan.rollout ? toRolloutPlanView(plan.rollout) : null,
    targets: targets.map(({ id, name, engine, containerId, image }) => ({
      id,
      name,
      engine,
      containerId,
      image,
    })),
  };
}
