import {
  AppError,
  explainNoMatch,
  groupNames,
  matchTargets,
  namesOneTarget,
  type NoMatch,
  onePerService,
  parseSelector,
  type SavedGroups,
  type Target,
  type TargetChoice,
} from "@deckhand/core";
import type { CatchUpOptions } from "./inventory.ts";

export interface SelectTargetsDeps {
  readonly listTargets: () => readonly Target[];
  /** Waits until what the engines have told is in the list: a container that started or ended right before the request. */
  readonly catchUpTargets: (options: CatchUpOptions) => Promise<void>;
  /** Asks the engines now, whatever they have told. */
  readonly refreshTargets: () => Promise<void>;
  readonly readGroups: () => Promise<SavedGroups>;
}

/** What is asked for, as it was written. */
export interface SelectionRequest {
  readonly on: readonly string[];
  readonly except?: readonly string[] | undefined;
  readonly onePerService?: boolean | undefined;
}

/** The targets of a request, by engine and name, and what was taken away on the way to them. */
export interface Selection {
  readonly targets: readonly Target[];
  /** How many `on` matches, before anything is taken away. */
  readonly matched: number;
  readonly excepted: number;
  /** Left out because another target stands for the service. */
  readonly besidesOne: number;
  /** Why there is none. */
  readonly noMatch: NoMatch | undefined;
}

/** Finds the targets that selectors mean now; throws SELECTOR_INVALID, TARGET_AMBIGUOUS, or what is wrong with a group. */
export async function selectTargets(
  deps: SelectTargetsDeps,
  { on, except = [], onePerService: one = false }: SelectionRequest,
): Promise<Selection> {
  const choice = { on: on.map(parseSelector), except: except.map(parseSelector) };
  const untold = !(choice.on.length === 1 && choice.on.every(namesOneTarget));
  const [groups] = await Promise.all([
    readMentioned(deps, choice),
    deps.catchUpTargets({ untold }),
  ]);
  const select = () => toSelection(choice, { targets: deps.listTargets(), groups, one });
  const selection = select();
  if (selection.targets.length > 0) return selection;
  await deps.refreshTargets();
  return select();
}

/** Most selectors name no group, and then none is read. */
async function readMentioned(
  { readGroups }: SelectTargetsDeps,
  { on, except }: TargetChoice,
): Promise<SavedGroups> {
  return groupNames([...on, ...except]).length === 0 ? new Map() : readGroups();
}

interface Searched {
  readonly targets: readonly Target[];
  readonly groups: SavedGroups;
  readonly one: boolean;
}

function toSelection({ on, except }: TargetChoice, { targets, groups, one }: Searched): Selection {
  const matched = matchTargets({ on, except: [] }, targets, groups);
  const away = new Set(matchTargets({ on: except, except: [] }, targets, groups));
  const left = matched.filter((target) => !away.has(target));
  const kept = one ? onePerService(left) : left;
  return {
    targets: kept,
    matched: matched.length,
    excepted: matched.length - left.length,
    besidesOne: left.length - kept.length,
    noMatch: kept.length > 0 ? undefined : explainNoMatch(on, targets, groups),
  };
}

/** The refusal of a request whose selectors match nothing. */
export function noneMatched({ detail, hint }: NoMatch): AppError {
  const errors = [{ pointer: "/on", detail: "matches nothing" }];
  return new AppError("NO_TARGET_MATCHED", { detail, hint, errors });
}

/** The refusal of a request whose selectors match more than it may be sent to. */
export function tooManyMatched(matched: number, most: number): AppError {
  return new AppError("TOO_MANY_TARGETS", {
    detail: `${matched} targets match; this run takes at most ${most}.`,
    hint: "Narrow the selector, or raise limits.maxTargets in the request (--max).",
    extra: { matched, maxTargets: most },
  });
}
