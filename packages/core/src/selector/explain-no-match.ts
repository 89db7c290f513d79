import type { Target } from "../contract/target.ts";
import { isAppError } from "../errors.ts";
import { findNearMatch } from "../near-match.ts";
import { formatSelector, formatTerm } from "./format-selector.ts";
import { matchTargets, readField } from "./match-targets.ts";
import type {
  FieldTerm,
  GroupTerm,
  LabelTerm,
  SavedGroups,
  Selector,
  SelectorTerm,
  ShortTerm,
} from "./selector.ts";

export interface NoMatch {
  readonly detail: string;
  readonly hint: string;
}

const LIST_HINT = "See what runs: deckhand targets";

/** Says in a sentence why selectors match nothing, with what was likely meant. */
export function explainNoMatch(
  on: readonly Selector[],
  targets: readonly Target[],
  groups: SavedGroups = new Map(),
): NoMatch {
  if (targets.length === 0)
    return {
      detail: "No engine has a running container.",
      hint: "See the engines: deckhand engines",
    };
  const details = on.slice(0, 5).map((selector) => explainSelector(selector, { targets, groups }));
  return { detail: details.join(" ") || "No selector is given.", hint: LIST_HINT };
}

interface Searched {
  readonly targets: readonly Target[];
  readonly groups: SavedGroups;
}

function explainSelector({ terms }: Selector, searched: Searched): string {
  const counts = terms.map((term) => ({ term, count: countMatches(term, searched) }));
  const empty = counts
    .filter(({ count }) => count === 0)
    .slice(0, 3)
    .map(({ term }) => explainTerm(term, searched));
  if (empty.length > 0) return empty.join(" ");
  const parts = counts.map(({ term, count }) => `${formatTerm(term)} matches ${count}`);
  if (parts.length === 1) return `${parts[0]}, all of them excepted.`;
  return `No target has all of it: ${parts.join(", ")}.`;
}

/** An ambiguous short name is counted as one: it matches, and the caller has refused it before. */
function countMatches(term: SelectorTerm, { targets, groups }: Searched): number {
  const alone = { on: [{ text: "", terms: [term] }], except: [] };
  try {
    return matchTargets(alone, targets, groups).length;
  } catch (error) {
    if (isAppError(error, "TARGET_AMBIGUOUS")) return 1;
    throw error;
  }
}

function explainTerm(term: SelectorTerm, { targets, groups }: Searched): string {
  const nothing = `${formatTerm(term)} has no match`;
  if (term.kind === "group") return `${nothing}${explainGroups(term, groups)}.`;
  const near = findMeant(term, targets);
  return near ? `${nothing}; did you mean ${near.text} (${near.count})?` : `${nothing}.`;
}

/** What a group stands for tells more than its name. */
function explainGroups({ names }: GroupTerm, groups: SavedGroups): string {
  const meanings = names.slice(0, 3).map((name) => {
    const { on = [], except = [] } = groups.get(name) ?? {};
    const without = except.map((selector) => ` except ${formatSelector(selector)}`).join("");
    return `@${name} is ${on.map(formatSelector).join(" or ")}${without}`;
  });
  return `: ${meanings.join("; ")}`;
}

interface Meant {
  readonly text: string;
  readonly count: number;
}

function findMeant(
  term: Exclude<SelectorTerm, GroupTerm>,
  targets: readonly Target[],
): Meant | undefined {
  if (term.kind === "short") return findMeantName(term, targets);
  return term.kind === "label" ? findMeantLabel(term, targets) : findMeantValue(term, targets);
}

function findMeantName({ values }: ShortTerm, targets: readonly Target[]): Meant | undefined {
  const byKey = (["service", "project"] as const).map((key) =>
    toMeant(values, countTexts(targets, key), { prefix: `${key}=`, exact: true }),
  );
  return (
    byKey.find((meant) => meant !== undefined) ??
    toMeant(values, countTexts(targets, "name"), { prefix: "" })
  );
}

function findMeantValue({ key, values }: FieldTerm, targets: readonly Target[]): Meant | undefined {
  return toMeant(values, countTexts(targets, key), { prefix: `${key}=` });
}

function findMeantLabel(
  { label, values }: LabelTerm,
  targets: readonly Target[],
): Meant | undefined {
  const having = targets.filter(({ labels }) => Object.hasOwn(labels, label));
  if (having.length > 0)
    return toMeant(values, countAll(having.map(({ labels }) => labels[label] ?? "")), {
      prefix: `label=${label}=`,
    });
  const names = countAll(targets.flatMap(({ labels }) => Object.keys(labels)));
  const near = findNearMatch(label, names.keys());
  return near === undefined ? undefined : { text: `label=${near}`, count: names.get(near) ?? 0 };
}

function toMeant(
  values: ShortTerm["values"],
  counts: ReadonlyMap<string, number>,
  how: { prefix: string; exact?: boolean },
): Meant | undefined {
  for (const { literal } of values) {
    if (literal === undefined) continue;
    const near = counts.has(literal)
      ? literal
      : how.exact
        ? undefined
        : findNearMatch(literal, counts.keys());
    if (near !== undefined) return { text: how.prefix + near, count: counts.get(near) ?? 0 };
  }
  return undefined;
}

function countTexts(targets: readonly Target[], key: FieldTerm["key"]): Map<string, number> {
  return countAll(targets.flatMap((target) => readField(key, target)));
}

function countAll(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}
