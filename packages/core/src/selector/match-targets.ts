import type { Target } from "../contract/target.ts";
import { AppError } from "../errors.ts";
import { compileGlob, type Glob } from "./glob.ts";
import { groupMembers } from "./group-members.ts";
import { imageNames } from "./image-names.ts";
import type {
  FieldTerm,
  GroupTerm,
  LabelTerm,
  SavedGroups,
  Selector,
  SelectorKey,
  ShortTerm,
  TargetChoice,
} from "./selector.ts";

/** Shorter beginnings of an id are more likely a mistyped name than meant. */
export const SHORTEST_ID_PREFIX = 4;

type Test = (target: Target) => boolean;

/** Gives the targets of saved groups. */
type MembersOf = (term: GroupTerm) => ReadonlySet<Target>;

/** Picks targets, ordered by engine and name; throws TARGET_AMBIGUOUS when a short name fits several, and for a group that is not there. */
export function matchTargets(
  choice: TargetChoice,
  targets: readonly Target[],
  groups: SavedGroups = new Map(),
): Target[] {
  const members = groupMembers(groups, (inner, membersOf) =>
    matchChoice(inner, targets, membersOf),
  );
  return sortByEngineAndName(matchChoice(choice, targets, members));
}

function matchChoice(
  { on, except }: TargetChoice,
  targets: readonly Target[],
  membersOf: MembersOf,
): Target[] {
  const picked = new Set(on.flatMap((selector) => matchSelector(selector, targets, membersOf)));
  for (const selector of except)
    for (const target of matchSelector(selector, targets, membersOf)) picked.delete(target);
  return [...picked];
}

/** Short names come last: `engine=prod,web` is the one `web` of that engine. */
function matchSelector(
  { terms, text }: Selector,
  targets: readonly Target[],
  membersOf: MembersOf,
): readonly Target[] {
  const tests = terms
    .filter((term) => term.kind !== "short")
    .map((term) => toTest(term, membersOf));
  const rest =
    tests.length === 0 ? targets : targets.filter((target) => tests.every((test) => test(target)));
  return terms
    .filter((term) => term.kind === "short")
    .reduce((left, term) => matchShort(term, left, text), rest);
}

function toTest(term: FieldTerm | LabelTerm | GroupTerm, membersOf: MembersOf): Test {
  if (term.kind === "label") return toLabelTest(term);
  return term.kind === "group" ? toGroupTest(term, membersOf) : toFieldTest(term);
}

function toGroupTest(term: GroupTerm, membersOf: MembersOf): Test {
  const members = membersOf(term);
  const wanted = term.operator === "is";
  return (target) => members.has(target) === wanted;
}

function toLabelTest({ label, operator, values }: LabelTerm): Test {
  if (operator === "exists") return ({ labels }) => Object.hasOwn(labels, label);
  if (operator === "absent") return ({ labels }) => !Object.hasOwn(labels, label);
  const matches = anyOf(values);
  const wanted = operator === "is";
  return ({ labels }) => (Object.hasOwn(labels, label) && matches(labels[label] ?? "")) === wanted;
}

function toFieldTest({ key, operator, values }: FieldTerm): Test {
  const read = FIELD_TEXTS[key];
  if (operator === "exists") return (target) => read(target).some((text) => text !== "none");
  const matches = key === "id" ? anyIdOf(values) : anyOf(values);
  const wanted = operator === "is";
  const test: Test = (target) => read(target).some(matches) === wanted;
  return key === "image" ? onceForEachImage(test) : test;
}

/** An image has many spellings, and many targets have the same image. */
function onceForEachImage(test: Test): Test {
  const known = new Map<string, boolean>();
  return (target) => {
    const answer = known.get(target.image) ?? test(target);
    known.set(target.image, answer);
    return answer;
  };
}

/** The texts of a target under which a key finds it. */
const FIELD_TEXTS: Readonly<Record<SelectorKey, (target: Target) => readonly string[]>> = {
  name: ({ name }) => [name],
  id: ({ id, containerId }) => [id, containerId],
  project: ({ project }) => (project === null ? [] : [project]),
  service: ({ service }) => (service === null ? [] : [service]),
  image: ({ image }) => imageNames(image),
  engine: ({ engine }) => [engine],
  status: ({ state }) => [state],
  health: ({ health }) => [health],
};

/** Gives the texts under which a key finds a target, the most telling first. */
export function readField(key: SelectorKey, target: Target): readonly string[] {
  return FIELD_TEXTS[key](target);
}

function anyOf(values: readonly Glob[]): (text: string) => boolean {
  const tests = values.map(compileGlob);
  return (text) => tests.some((test) => test(text));
}

function anyIdOf(values: readonly Glob[]): (text: string) => boolean {
  const tests = values.map((value) => {
    const { literal } = value;
    return literal === undefined ? compileGlob(value) : (text: string) => text.startsWith(literal);
  });
  return (text) => tests.some((test) => test(text));
}

function matchShort(
  { values, column }: ShortTerm,
  targets: readonly Target[],
  selector: string,
): readonly Target[] {
  const picked = new Set(
    values.flatMap((value) => matchShortValue(value, targets, { selector, column })),
  );
  return targets.filter((target) => picked.has(target));
}

function matchShortValue(
  value: Glob,
  targets: readonly Target[],
  place: { selector: string; column: number },
): readonly Target[] {
  const { literal } = value;
  if (literal === undefined) {
    const matches = compileGlob(value);
    return targets.filter(({ name }) => matches(name));
  }
  const named = targets.filter(({ name }) => name === literal);
  const found = named.length > 0 ? named : findByIdPrefix(literal, targets);
  if (found.length > 1) throw ambiguous(literal, found, place);
  return found;
}

function findByIdPrefix(prefix: string, targets: readonly Target[]): readonly Target[] {
  if (prefix.length < SHORTEST_ID_PREFIX) return [];
  if (prefix.startsWith("tgt_"))
    return prefix.length < 8 ? [] : targets.filter(({ id }) => id.startsWith(prefix));
  return targets.filter(({ containerId }) => containerId.startsWith(prefix));
}

function ambiguous(
  word: string,
  found: readonly Target[],
  place: { selector: string; column: number },
): AppError {
  const candidates = sortByEngineAndName(found).map(({ id, name, engine }) => ({
    id,
    name,
    engine,
  }));
  const shown = candidates
    .slice(0, 5)
    .map(({ name, engine, id }) => `${name} on ${engine} (${id})`);
  const more =
    candidates.length > shown.length ? `, and ${candidates.length - shown.length} more` : "";
  return new AppError("TARGET_AMBIGUOUS", {
    detail: `"${word}" fits ${found.length} targets: ${shown.join(", ")}${more}.`,
    hint: `Name one by its id, or pick all with a key: ${toHint(word, candidates)}.`,
    extra: { ...place, candidates: candidates.slice(0, 50) },
  });
}

function toHint(word: string, candidates: readonly { name: string; engine: string }[]): string {
  const first = candidates[0];
  return first?.name === word
    ? `name=${word}, or engine=${first.engine},${word} for one engine`
    : `id=${word}`;
}

/** By one text each, because comparing thousands of pairs part by part is slow. */
function sortByEngineAndName(targets: readonly Target[]): Target[] {
  const keyed = targets.map((target) => ({ target, key: toOrderKey(target) }));
  keyed.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
  return keyed.map(({ target }) => target);
}

function toOrderKey({ engine, name, id }: Target): string {
  return `${engine}\u0000${name}\u0000${id}`;
}
