import type { RunOrigin } from "../contract/run.ts";
import type { Target } from "../contract/target.ts";
import { RUN_STATES, type RunState } from "../runs/run-state.ts";
import { compileGlob } from "../selector/glob.ts";
import { matchTargets } from "../selector/match-targets.ts";
import { parseSelector } from "../selector/parse-selector.ts";
import type { SavedGroups } from "../selector/selector.ts";
import { toNameGlob } from "./name-glob.ts";

const ENDS = [
  "failed",
  "lost",
  "timed-out",
  "rejected",
  "cancelled",
  "skipped",
  "succeeded",
] as const;

/** What of a run's end can be asked for. */
export const OUTCOMES = [...ENDS, "recovered", "every"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What is known of a run that ended. */
export interface EndedRun {
  readonly state: RunState;
  /** How the run of the same subject before it ended; see `isFailure`. */
  readonly stateBefore: RunState | undefined;
  readonly script: string | undefined;
  readonly origin: RunOrigin;
  /** `undefined` for one that is gone: nobody can say any more what it matched. */
  readonly targets: readonly (Target | undefined)[];
}

/** Which ends to tell; an empty list asks for nothing. */
export interface TellConditions {
  readonly when: readonly Outcome[];
  readonly scripts: readonly string[];
  readonly origins: readonly string[];
  readonly on: readonly string[];
}

/** States after which a success is a recovery. */
export const FAILURES: readonly RunState[] = RUN_STATES.filter((state) =>
  ["failed", "lost", "timed-out", "rejected"].includes(state),
);

/** Tells whether the run is the first success after a failure. */
export function isRecovery({
  state,
  stateBefore,
}: Pick<EndedRun, "state" | "stateBefore">): boolean {
  return state === "succeeded" && stateBefore !== undefined && FAILURES.includes(stateBefore);
}

/** Decides whether a rule asks for this end to be told. */
export function isTold(
  rule: TellConditions,
  run: EndedRun,
  groups: SavedGroups = new Map(),
): boolean {
  return (
    isWanted(rule.when, run) &&
    isAny(rule.scripts, (pattern) => matchesScript(pattern, run.script)) &&
    isAny(rule.origins, (wanted) => matchesOrigin(wanted, run.origin)) &&
    matchesTargets(rule.on, run.targets, groups)
  );
}

function isWanted(when: readonly Outcome[], run: EndedRun): boolean {
  return when.some(
    (wanted) =>
      wanted === "every" || wanted === run.state || (wanted === "recovered" && isRecovery(run)),
  );
}

function isAny<Wanted>(wanted: readonly Wanted[], test: (one: Wanted) => boolean): boolean {
  return wanted.length === 0 || wanted.some(test);
}

function matchesScript(pattern: string, script: string | undefined): boolean {
  return script !== undefined && compileGlob(toNameGlob(pattern))(script);
}

/** `schedule`, or one of them by its name or id: `schedule/nightly`. */
function matchesOrigin(wanted: string, { kind, id, name }: RunOrigin): boolean {
  const slash = wanted.indexOf("/");
  if (slash < 0) return wanted === kind;
  return wanted.slice(0, slash) === kind && [id, name].includes(wanted.slice(slash + 1));
}

/** One message too many is better than none: about a container that is gone, or by a group that is. */
function matchesTargets(
  on: readonly string[],
  targets: EndedRun["targets"],
  groups: SavedGroups,
): boolean {
  if (on.length === 0 || targets.includes(undefined)) return true;
  const known = targets.filter((target) => target !== undefined);
  try {
    return matchTargets({ on: on.map(parseSelector), except: [] }, known, groups).length > 0;
  } catch {
    return true;
  }
}
