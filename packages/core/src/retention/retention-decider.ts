/** What is kept; a rule that is undefined keeps everything. */
export interface RetentionRules {
  /** Output older than this goes; the run stays. */
  readonly outputAgeMs?: number | undefined;
  /** The oldest output goes until all that is kept has at most so many bytes. */
  readonly outputBytes?: number | undefined;
  /** Runs older than this go, with everything of them. */
  readonly runAgeMs?: number | undefined;
  /** Of each stored script, so many runs stay. */
  readonly runsPerScript?: number | undefined;
}

/** What a decision about one run needs to know. */
export interface RetainedRun {
  readonly id: string;
  /** Undefined while it is open: it is then never touched, and counts for no rule. */
  readonly finishedAtMs: number | undefined;
  readonly scriptName: string | undefined;
  /** Zero when its output is gone already. */
  readonly outputBytes: number;
  readonly isOutputGone: boolean;
}

export type RetentionRule = keyof RetentionRules;

export type RetentionDecision =
  | { readonly kind: "keep" }
  | { readonly kind: "expire-output"; readonly rule: RetentionRule }
  | { readonly kind: "delete-run"; readonly rule: RetentionRule };

const KEEP: RetentionDecision = { kind: "keep" };

/** Tells whether anything can ever go. */
export function hasRules(rules: RetentionRules): boolean {
  return Object.values(rules).some((rule) => rule !== undefined);
}

/** Decides run by run; they must come newest first, as what is kept of the newer ones decides about the older ones. */
export function retentionDecider(
  rules: RetentionRules,
  nowMs: number,
): (run: RetainedRun) => RetentionDecision {
  const runsOf = new Map<string, number>();
  let keptBytes = 0;

  function findRunRule({ scriptName }: RetainedRun, ageMs: number): RetentionRule | undefined {
    if (rules.runAgeMs !== undefined && ageMs > rules.runAgeMs) return "runAgeMs";
    if (scriptName === undefined || rules.runsPerScript === undefined) return undefined;
    const count = (runsOf.get(scriptName) ?? 0) + 1;
    runsOf.set(scriptName, count);
    return count > rules.runsPerScript ? "runsPerScript" : undefined;
  }

  function findOutputRule({ outputBytes }: RetainedRun, ageMs: number): RetentionRule | undefined {
    if (rules.outputAgeMs !== undefined && ageMs > rules.outputAgeMs) return "outputAgeMs";
    keptBytes += outputBytes;
    const isTooMuch = rules.outputBytes !== undefined && keptBytes > rules.outputBytes;
    return isTooMuch ? "outputBytes" : undefined;
  }

  return (run) => {
    if (run.finishedAtMs === undefined) return KEEP;
    const ageMs = nowMs - run.finishedAtMs;
    const runRule = findRunRule(run, ageMs);
    if (runRule) return { kind: "delete-run", rule: runRule };
    if (run.isOutputGone) return KEEP;
    const outputRule = findOutputRule(run, ageMs);
    return outputRule ? { kind: "expire-output", rule: outputRule } : KEEP;
  };
}
