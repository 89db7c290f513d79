import { DEFAULT_AT_ONCE, type HealthRequest, type RolloutRequest } from "../contract/rollout.ts";
import { parseDurationMs } from "../duration.ts";
import type { ScriptLaunch } from "../script/interpreter.ts";
import { resolveLaunch } from "../script/resolve-launch.ts";
import { parseScriptHeader } from "../script/parse-script-header.ts";
import { resolveAmount, resolvePositive } from "./amount.ts";

/** A rollout over a known number of targets: every share is a number. */
export interface RolloutPlan {
  readonly maxConcurrency: number;
  /** More errors than this stop it; `null`: none do. */
  readonly maxErrors: number | null;
  readonly order: string;
  /** Of the order by chance. */
  readonly seed: number | null;
  /** How many targets each batch has, in the order of the targets. */
  readonly batches: readonly number[];
  readonly pauseMs: number;
  readonly health: HealthPlan | null;
}

export interface HealthPlan extends Pick<HealthRequest, "healthcheck" | "restarts"> {
  readonly probe: ProbePlan | null;
  readonly timeoutMs: number;
}

export interface ProbePlan {
  readonly program:
    | { readonly kind: "argv"; readonly argv: readonly string[] }
    | { readonly kind: "script"; readonly text: string; readonly launch: ScriptLaunch };
  /** `undefined`: the run's. */
  readonly user: string | undefined;
}

/** Turns what was asked for into numbers. */
export function planRollout(
  request: RolloutRequest,
  total: number,
  seed: number | null,
): RolloutPlan {
  const {
    maxConcurrency = DEFAULT_AT_ONCE,
    maxErrors = 0,
    onError,
    order,
    pause,
    health,
  } = request;
  return {
    maxConcurrency: resolvePositive(maxConcurrency, total),
    maxErrors: onError === "continue" ? null : resolveAmount(maxErrors, total),
    order,
    seed,
    batches: toBatches(request, total),
    pauseMs: pause === undefined ? 0 : parseDurationMs(pause),
    health: health ? toHealth(health) : null,
  };
}

/** The canary first, then batches of one size, the last of what is left. */
function toBatches({ canary, batch }: RolloutRequest, total: number): number[] {
  const first = canary === undefined ? 0 : Math.min(total, resolvePositive(canary, total));
  const rest = total - first;
  const size = batch === undefined ? Math.max(1, rest) : resolvePositive(batch, total);
  const batches = Array.from({ length: Math.ceil(rest / size) }, (_, index) =>
    Math.min(size, rest - index * size),
  );
  return first > 0 ? [first, ...batches] : batches;
}

function toHealth({ healthcheck, restarts, probe, timeout }: HealthRequest): HealthPlan {
  return {
    healthcheck,
    restarts,
    probe: probe ? toProbe(probe) : null,
    timeoutMs: parseDurationMs(timeout),
  };
}

/** A script without anything that says otherwise is for `sh`. */
function toProbe({
  argv,
  text = "",
  interpreter,
  user,
}: NonNullable<HealthRequest["probe"]>): ProbePlan {
  if (argv) return { program: { kind: "argv", argv }, user };
  const { header } = parseScriptHeader(text, "probe");
  const otherwise = header.interpreter ? undefined : "sh";
  const launch = resolveLaunch({ header, path: "probe", interpreter: interpreter ?? otherwise });
  return { program: { kind: "script", text, launch }, user };
}
