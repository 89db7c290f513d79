import { findNearMatch } from "../near-match.ts";
import type { Glob } from "./glob.ts";
import {
  assertTermEnd,
  type Cursor,
  fail,
  isTermEnd,
  parseQuoted,
  parseValues,
  skipBlanks,
  take,
} from "./parse-values.ts";
import {
  CLOSED_VALUES,
  KEY_BY_WORD,
  KUBERNETES_WORDS,
  OPTIONAL_KEYS,
  type GroupTerm,
  type Selector,
  type SelectorKey,
  type SelectorTerm,
} from "./selector.ts";
import { selectorInvalid } from "./selector-error.ts";

const LONGEST_SELECTOR = 4_096;
/** Keep a match over thousands of targets cheap, whatever is asked. */
const MOST_TERMS = 32;
const MOST_GROUPS = 100;
const HEAD = /[^\s,=!/|"'*?]+/y;
const GROUP_NAME = /[a-z0-9][a-z0-9._-]*/y;
const LABEL_NAME = /[^\s,=|"']+/y;

/** Reads a selector such as `label=role=db,project=shop`; throws SELECTOR_INVALID with the place. */
export function parseSelector(text: string): Selector {
  if (text.length > LONGEST_SELECTOR) {
    const detail = `A selector has at most ${LONGEST_SELECTOR} characters; this one has ${text.length}.`;
    throw selectorInvalid(text, LONGEST_SELECTOR + 1, { detail });
  }
  const cursor = { text, at: 0 };
  const terms = [parseTerm(cursor)];
  while (text[cursor.at] === ",") {
    cursor.at++;
    if (terms.length === MOST_TERMS)
      throw fail(cursor, cursor.at, `A selector has at most ${MOST_TERMS} parts.`);
    terms.push(parseTerm(cursor));
  }
  return { text, terms };
}

function parseTerm(cursor: Cursor): SelectorTerm {
  skipBlanks(cursor);
  const start = cursor.at;
  if (cursor.text[start] === "@") return parseGroups(cursor, { operator: "is", sign: "@" }, start);
  const word = take(cursor, HEAD);
  skipBlanks(cursor);
  const next = cursor.text[cursor.at];
  if (next === "!" || next === "=") return parseKeyed(cursor, word, start);
  if (next === "/" && word !== "") return parsePrefixed(cursor, word, start);
  if (isTermEnd(next) && Object.hasOwn(KEY_BY_WORD, word)) return parseAlone(cursor, word, start);
  cursor.at = start;
  return { kind: "short", values: parseValues(cursor), column: start + 1 };
}

function parseKeyed(cursor: Cursor, word: string, start: number): SelectorTerm {
  const key = toKey(cursor, word, start);
  const negative = cursor.text[cursor.at] === "!";
  if (negative && cursor.text[cursor.at + 1] !== "=")
    throw fail(cursor, cursor.at, "After ! comes =.", `Write ${word}!=…`);
  cursor.at += negative ? 2 : 1;
  if (key === "label") return parseLabel(cursor, negative, start);
  if (key === "group")
    return parseGroups(cursor, { operator: negative ? "is-not" : "is", sign: "" }, start);
  const valuesAt = cursor.at;
  const values = parseValues(cursor);
  assertKnownValues(cursor, { key, values, at: valuesAt });
  return { kind: "field", key, operator: negative ? "is-not" : "is", values, column: start + 1 };
}

function toKey(cursor: Cursor, word: string, start: number): SelectorKey | "label" | "group" {
  const key = Object.hasOwn(KEY_BY_WORD, word) ? KEY_BY_WORD[word] : undefined;
  if (key) return key;
  if (word === "")
    throw fail(
      cursor,
      start,
      "A key is missing here.",
      "Write key=value, for example project=shop.",
    );
  throw notSupported(cursor, word, start) ?? unknownKey(cursor, word, start);
}

function unknownKey(cursor: Cursor, word: string, start: number): Error {
  const near = findNearMatch(word, Object.keys(KEY_BY_WORD));
  const hint = near ? `Did you mean ${near}?` : `For a label write label=${word}=…`;
  return fail(cursor, start, `"${word}" is not a key; the keys are ${keyWords()}.`, hint);
}

function keyWords(): string {
  return [...new Set(Object.values(KEY_BY_WORD))].join(", ");
}

function notSupported(cursor: Cursor, word: string, start: number): Error | undefined {
  if (!KUBERNETES_WORDS.includes(word)) return undefined;
  return fail(
    cursor,
    start,
    `"${word}" selects in Kubernetes, which is not supported yet.`,
    "Did you mean project or service?",
  );
}

function parsePrefixed(cursor: Cursor, word: string, start: number): SelectorTerm {
  if (Object.hasOwn(KEY_BY_WORD, word) && KEY_BY_WORD[word] === "service") {
    cursor.at++;
    return {
      kind: "field",
      key: "service",
      operator: "is",
      values: parseValues(cursor),
      column: start + 1,
    };
  }
  const hint = `A name holds no /. For a service write service/NAME, for an image image=${word}/…`;
  throw (
    notSupported(cursor, word, start) ??
    fail(cursor, start, `"${word}/" is not a kind of target.`, hint)
  );
}

/** `@db|@cache`, or `db|cache` behind `group=`. */
function parseGroups(
  cursor: Cursor,
  { operator, sign }: Pick<GroupTerm, "operator"> & { readonly sign: "@" | "" },
  start: number,
): GroupTerm {
  const names: string[] = [];
  do {
    if (names.length > 0) cursor.at++;
    if (names.length === MOST_GROUPS)
      throw fail(cursor, cursor.at, `A key takes at most ${MOST_GROUPS} alternatives.`);
    names.push(parseGroupName(cursor, sign));
  } while (cursor.text[cursor.at] === "|");
  assertTermEnd(cursor);
  return { kind: "group", operator, names, column: start + 1 };
}

function parseGroupName(cursor: Cursor, sign: "@" | ""): string {
  skipBlanks(cursor);
  if (!cursor.text.startsWith(sign, cursor.at))
    throw fail(cursor, cursor.at, "Each group has its @ here.", "Write @db|@cache.");
  cursor.at += sign.length;
  const start = cursor.at;
  const name = take(cursor, GROUP_NAME);
  skipBlanks(cursor);
  if (name !== "") return name;
  throw fail(
    cursor,
    start,
    "A group's name is missing here: small letters, digits, . _ and -, without wildcards.",
    "See the groups: deckhand groups ls",
  );
}

function parseAlone(cursor: Cursor, word: string, start: number): SelectorTerm {
  const key = KEY_BY_WORD[word];
  if (key && key !== "label" && key !== "group" && OPTIONAL_KEYS.includes(key)) {
    return { kind: "field", key, operator: "exists", values: [], column: start + 1 };
  }
  const hint = `Write ${word}=…; for a container of this name, name=${word}.`;
  throw fail(cursor, start, `"${word}" needs a value.`, hint);
}

function parseLabel(cursor: Cursor, negative: boolean, start: number): SelectorTerm {
  skipBlanks(cursor);
  const label = parseLabelName(cursor, negative);
  const column = start + 1;
  skipBlanks(cursor);
  if (cursor.text[cursor.at] !== "=") {
    assertTermEnd(cursor);
    return { kind: "label", label, operator: negative ? "absent" : "exists", values: [], column };
  }
  cursor.at++;
  const values = parseValues(cursor, { mayBeEmpty: true });
  return { kind: "label", label, operator: negative ? "is-not" : "is", values, column };
}

function parseLabelName(cursor: Cursor, negative: boolean): string {
  const start = cursor.at;
  const quote = cursor.text[start];
  const quoted = quote === '"' || quote === "'";
  const label = quoted ? parseQuoted(cursor, quote) : take(cursor, LABEL_NAME);
  if (label === "")
    throw fail(
      cursor,
      start,
      "A label's name is missing here.",
      "Write label=NAME or label=NAME=VALUE.",
    );
  if (label.includes("="))
    throw fail(
      cursor,
      start,
      "A label's name holds no =.",
      'Quote the value only: label=role="a,b".',
    );
  if (!quoted && label.endsWith("!")) {
    const name = label.slice(0, -1);
    throw fail(
      cursor,
      cursor.at - 1,
      "The ! comes before the label's name.",
      negative ? undefined : `Write label!=${name}=…`,
    );
  }
  if (!quoted && /[*?]/.test(label))
    throw fail(cursor, start, "A label's name takes no wildcards; its value does.");
  return label;
}

function assertKnownValues(
  cursor: Cursor,
  { key, values, at }: { key: SelectorKey; values: readonly Glob[]; at: number },
): void {
  const known = CLOSED_VALUES[key];
  const wrong =
    known && values.find(({ literal }) => literal !== undefined && !known.includes(literal));
  if (!known || !wrong) return;
  const near = findNearMatch(wrong.literal ?? "", known);
  throw fail(
    cursor,
    at,
    `${key} is one of ${known.join(", ")}.`,
    near && `Did you mean ${key}=${near}?`,
  );
}
