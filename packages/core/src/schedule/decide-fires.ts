import type { Timing } from "./parse-cron.ts";

/** What becomes of instants that passed while nobody could start anything: the server was down or the machine slept. */
export type MissedPolicy = "skip" | "one" | "all";

export interface FireRules {
  readonly timing: Timing;
  /** How much later than due it starts; the same for the same instant. */
  readonly jitterMs: (dueMs: number) => number;
  readonly mostJitterMs: number;
  /** Nothing before `fromMs`, nothing from `untilMs` on. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly missed: MissedRules;
}

export interface MissedRules {
  readonly policy: MissedPolicy;
  /** So many are made up for, the newest. */
  readonly most: number;
  /** What is older is not made up for. */
  readonly withinMs: number;
  /** What is not later than this, and the jitter, counts as in time. */
  readonly graceMs: number;
}

/** What is to be done about instants that passed; everything up to the last of a step is decided with it. */
export type FireStep =
  | { readonly kind: "fire"; readonly dueMs: number; readonly cause: "due" | "caught-up" }
  | {
      readonly kind: "missed";
      readonly fromMs: number;
      readonly toMs: number;
      readonly count: number;
    };

export interface FireDecision {
  /** In the order of the instants. */
  readonly steps: readonly FireStep[];
  /** Up to when it was decided before; less than was said when the clock was set back. */
  readonly decidedMs: number;
  /** When to look again; undefined when nothing comes any more. */
  readonly nextAtMs: number | undefined;
}

export interface FireMoment {
  /** Every instant up to this one is decided. */
  readonly decidedMs: number;
  readonly nowMs: number;
}

/** Missed instants are counted up to here. */
export const MOST_COUNTED = 1_000;

/**
 * Decides what became due. It follows from the rules, what is decided already and the time alone, so that whoever
 * asks again after a crash hears the rest of the same answer.
 */
export function decideFires(rules: FireRules, { decidedMs, nowMs }: FireMoment): FireDecision {
  // A clock that was ahead must not hold a schedule still until it is there again.
  const knownMs = Math.min(decidedMs, nowMs);
  const sureMs = nowMs - rules.missed.graceMs - rules.mostJitterMs - 1;
  const missed = sureMs > knownMs ? { startMs: knownMs, endMs: sureMs } : undefined;
  const recent = readRecent(rules, missed?.endMs ?? knownMs, nowMs);
  const isDueNow = recent.steps.length > 0;
  const earlier = missed ? decideMissed(rules, missed, { nowMs, isDueNow }) : [];
  return { ...recent, steps: [...earlier, ...recent.steps], decidedMs: knownMs };
}

/** Instants after `startMs` up to `endMs`, the last one included. */
interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** Walks what is still in time; stops at the first instant whose moment has not come. */
function readRecent(
  rules: FireRules,
  afterMs: number,
  nowMs: number,
): Omit<FireDecision, "decidedMs"> {
  const steps: FireStep[] = [];
  for (let dueMs = nextDue(rules, afterMs); dueMs !== undefined; dueMs = nextDue(rules, dueMs)) {
    const atMs = dueMs + rules.jitterMs(dueMs);
    if (atMs > nowMs) return { steps, nextAtMs: atMs };
    steps.push({ kind: "fire", dueMs, cause: "due" });
  }
  return { steps, nextAtMs: undefined };
}

/** The first time after another that lies within the schedule's bounds. */
export function nextDue(
  { timing, fromMs = 0, untilMs }: Pick<FireRules, "timing" | "fromMs" | "untilMs">,
  afterMs: number,
): number | undefined {
  const dueMs = timing.nextAfter(Math.max(afterMs, fromMs - 1));
  return dueMs !== undefined && dueMs < (untilMs ?? Number.POSITIVE_INFINITY) ? dueMs : undefined;
}

interface Situation {
  readonly nowMs: number;
  readonly isDueNow: boolean;
}

function decideMissed(rules: FireRules, span: Span, situation: Situation): FireStep[] {
  const newest = listNewest(rules, span, wantedOf(rules.missed, situation)).filter(
    (dueMs) => situation.nowMs - dueMs <= rules.missed.withinMs,
  );
  const lost = countMissed(rules, { ...span, endMs: (newest[0] ?? span.endMs + 1) - 1 });
  const madeUp = newest.map((dueMs) => ({ kind: "fire", dueMs, cause: "caught-up" }) as const);
  return lost ? [lost, ...madeUp] : madeUp;
}

/** One that is due right now makes up for those before it too. */
function wantedOf({ policy, most }: MissedRules, { isDueNow }: Situation): number {
  if (policy === "all") return most;
  return policy === "one" && !isDueNow ? 1 : 0;
}

/** The newest instants of a span, oldest first; looks back further and further until there are enough. */
function listNewest(rules: FireRules, { startMs, endMs }: Span, most: number): number[] {
  if (most === 0) return [];
  for (let backMs = 60_000; ; backMs *= 2) {
    const fromMs = Math.max(startMs, endMs - backMs);
    const found = listLast(rules, { startMs: fromMs, endMs }, most);
    if (found.length === most || fromMs === startMs) return found;
  }
}

function listLast(rules: FireRules, span: Span, most: number): number[] {
  const found: number[] = [];
  for (const dueMs of walk(rules, span)) {
    found.push(dueMs);
    if (found.length > most) found.shift();
  }
  return found;
}

function* walk(rules: FireRules, { startMs, endMs }: Span): Generator<number> {
  let dueMs = nextDue(rules, startMs);
  while (dueMs !== undefined && dueMs <= endMs) {
    yield dueMs;
    dueMs = nextDue(rules, dueMs);
  }
}

function countMissed(rules: FireRules, span: Span): FireStep | undefined {
  let count = 0;
  let fromMs: number | undefined;
  for (const dueMs of walk(rules, span)) {
    fromMs ??= dueMs;
    if (++count === MOST_COUNTED) break;
  }
  if (fromMs === undefined) return undefined;
  const toMs = listNewest(rules, span, 1)[0] ?? fromMs;
  return { kind: "missed", fromMs, toMs, count };
}
