import type { Target } from "../contract/target.ts";
import { AppError } from "../errors.ts";
import { compileGlob, type Glob } from "./glob.ts";
import { imageNames } from "./image-names.ts";
import type {
  FieldTerm,
  LabelTerm,
  Selector,
  SelectorKey,
  SelectorTerm,
  ShortTerm,
} from "./selector.ts";

/** Shorter beginnings of an id are more likely a mistyped name than meant. */
export const SHORTEST_ID_PREFIX = 4;

type Test = (target: Target) => boolean;

/** What a run is aimed at: everything that a selector of `on` picks, less what one of `except` picks. */
export interface TargetChoice {
  readonly on: readonly Selector[];
  readonly except: readonly Selector[];
}

/** Picks targets, ordered by engine and name; throws TARGET_AMBIGUOUS when a short name fits several. */
export function matchTargets({ on, except }: TargetChoice, targets: readonly Target[]): Target[] {
  const picked = new Set(on.flatMap((selector) => matchSelector(selector, targets)));
  for (const selector of except)
    for (const target of matchSelector(selector, targets)) picked.delete(target);
  return [...picked].sort(byEngineAndName);
}

/** Picks what one selector picks, in the order given. */
export function matchSelector(
  { terms, text }: Selector,
  targets: readonly Target[],
): readonly Target[] {
  const tests = terms.filter((term) => term.kind !== "short").map(toTest);
  const rest =
    tests.length === 0 ? targets : targets.filter((target) => tests.every((test) => test(target)));
  return terms
    .filter((term) => term.kind === "short")
    .reduce((left, term) => matchShort(term, left, text), rest);
}

/** Tells which targets one term picks by itself. */
export function matchTerm(term: SelectorTerm, targets: readonly Target[]): readonly Target[] {
  return term.kind === "short" ? matchShort(term, targets, "") : targets.filter(toTest(term));
}

function toTest(term: FieldTerm | LabelTerm): Test {
  return term.kind === "label" ? toLabelTest(term) : toFieldTest(term);
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
  return (target) => read(target).some(matches) === wanted;
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
  const candidates = [...found]
    .sort(byEngineAndName)
    .map(({ id, name, engine }) => ({ id, name, engine }));
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

function byEngineAndName(one: Target, other: Target): number {
  return (
    compareText(one.engine, other.engine) ||
    compareText(one.name, other.name) ||
    compareText(one.id, other.id)
  );
}

function compareText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
