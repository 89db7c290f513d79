import type { Target } from "../contract/target.ts";
import { AppError } from "../errors.ts";
import { findNearMatch } from "../near-match.ts";
import type { GroupTerm, SavedGroups, Selector, TargetChoice } from "./selector.ts";

/** Groups of groups, this many steps deep. */
const DEEPEST = 32;

type MembersOf = (term: GroupTerm) => ReadonlySet<Target>;

/**
 * Gives the targets of saved groups, each group worked out once; throws DEFINITION_NOT_FOUND, or GROUP_CYCLE with the
 * chain when a group leads back to itself.
 */
export function groupMembers(
  groups: SavedGroups,
  match: (choice: TargetChoice, membersOf: MembersOf) => readonly Target[],
): MembersOf {
  const known = new Map<string, ReadonlySet<Target>>();

  function membersOfGroup(name: string, chain: readonly string[]): ReadonlySet<Target> {
    const before = known.get(name);
    if (before) return before;
    const inner = extendChain(chain, name);
    const members = new Set(match(getGroup(groups, name), (term) => membersOf(term, inner)));
    known.set(name, members);
    return members;
  }

  function membersOf({ names }: GroupTerm, chain: readonly string[]): ReadonlySet<Target> {
    return new Set(names.flatMap((name) => [...membersOfGroup(name, chain)]));
  }
  return (term) => membersOf(term, []);
}

/** The groups that selectors name. */
export function groupNames(selectors: readonly Selector[]): readonly string[] {
  const terms = selectors.flatMap(({ terms }) => terms);
  return [...new Set(terms.flatMap((term) => (term.kind === "group" ? term.names : [])))];
}

/** Throws when a group, or one that it refers to, names a group that is not there or leads back to itself. */
export function assertGroupSound(groups: SavedGroups, name: string): void {
  const sound = new Set<string>();
  function visit(one: string, chain: readonly string[]): void {
    if (sound.has(one)) return;
    const inner = extendChain(chain, one);
    const { on, except } = getGroup(groups, one);
    for (const next of groupNames([...on, ...except])) visit(next, inner);
    sound.add(one);
  }
  visit(name, []);
}

function extendChain(chain: readonly string[], name: string): readonly string[] {
  const inner = [...chain, name];
  if (chain.includes(name)) throw groupCycle(inner);
  if (inner.length <= DEEPEST) return inner;
  throw new AppError("LIMIT_EXCEEDED", {
    detail: `The group @${chain[0]} leads through more than ${DEEPEST} groups to @${name}.`,
    hint: "Say what is meant in fewer steps.",
  });
}

function getGroup(groups: SavedGroups, name: string): TargetChoice {
  const found = groups.get(name);
  if (found) return found;
  const near = findNearMatch(name, groups.keys());
  throw new AppError("DEFINITION_NOT_FOUND", {
    detail: `There is no group ${name}${near === undefined ? "." : `; did you mean @${near}?`}`,
    hint: "List them with `deckhand groups ls`.",
  });
}

function groupCycle(chain: readonly string[]): AppError {
  const from = chain.indexOf(chain.at(-1) ?? "");
  const shown = chain.slice(from).map((name) => `@${name}`);
  return new AppError("GROUP_CYCLE", {
    detail: `The group ${shown[0]} leads back to itself: ${shown.join(" → ")}.`,
    hint: "Take one of these references out: deckhand groups set NAME --on …",
  });
}
