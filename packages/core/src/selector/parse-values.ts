import { type Glob, type GlobPiece, toGlob } from "./glob.ts";
import { selectorInvalid } from "./selector-error.ts";

/** Keeps the time of a match small, whatever the pattern. */
const LONGEST_PATTERN = 256;
/** Keeps a match over thousands of targets cheap, whatever is asked. */
const MOST_VALUES = 100;

/** A place in a selector that is being read. */
export interface Cursor {
  readonly text: string;
  at: number;
}

/** Reads `a|b*|"c d"`: values, each with wildcards or quotes. */
export function parseValues(
  cursor: Cursor,
  options: { mayBeEmpty?: boolean } = {},
): readonly Glob[] {
  const values = [parseValue(cursor, options)];
  while (cursor.text[cursor.at] === "|") {
    cursor.at++;
    if (values.length === MOST_VALUES)
      throw fail(cursor, cursor.at, `A key takes at most ${MOST_VALUES} alternatives.`);
    values.push(parseValue(cursor, options));
  }
  assertTermEnd(cursor);
  return values;
}

function parseValue(cursor: Cursor, { mayBeEmpty = false }): Glob {
  skipBlanks(cursor);
  const start = cursor.at;
  const pieces: GlobPiece[] = [];
  while (!isValueEnd(cursor.text[cursor.at])) pieces.push(parsePiece(cursor));
  if (cursor.at - start > LONGEST_PATTERN && pieces.some(({ kind }) => kind !== "text")) {
    throw fail(cursor, start, `A value with wildcards has at most ${LONGEST_PATTERN} characters.`);
  }
  const glob = toGlob(pieces);
  skipBlanks(cursor);
  if (glob.pieces.length === 0 && !mayBeEmpty)
    throw fail(cursor, start, "A value is missing here.");
  return glob;
}

const PLAIN_RUN = /[^\s,|"'*?]+/y;

function parsePiece(cursor: Cursor): GlobPiece {
  const character = cursor.text[cursor.at];
  if (character === '"' || character === "'")
    return { kind: "text", text: parseQuoted(cursor, character) };
  if (character === "*" || character === "?") {
    cursor.at++;
    return { kind: character === "*" ? "any" : "one" };
  }
  return { kind: "text", text: take(cursor, PLAIN_RUN) };
}

/** Between quotes nothing is special; in double quotes `\"` and `\\` stand for the second character. */
export function parseQuoted(cursor: Cursor, quote: string): string {
  const start = cursor.at++;
  let text = "";
  while (cursor.at < cursor.text.length) {
    const character = cursor.text.charAt(cursor.at++);
    if (character === quote) return text;
    if (
      character === "\\" &&
      quote === '"' &&
      '"\\'.includes(cursor.text.charAt(cursor.at) || " ")
    ) {
      text += cursor.text.charAt(cursor.at++);
    } else text += character;
  }
  throw fail(cursor, start, `This quote (${quote}) is not closed.`);
}

/** Throws when anything but a comma or the end comes next. */
export function assertTermEnd(cursor: Cursor): void {
  const next = cursor.text[cursor.at];
  if (isTermEnd(next)) return;
  if (next === "|")
    throw fail(
      cursor,
      cursor.at,
      "Alternatives (|) are for values.",
      "Give the selector twice: several add up.",
    );
  throw fail(
    cursor,
    cursor.at,
    "After this comes a comma or the end.",
    'Put text with spaces or commas in quotes: name="a b".',
  );
}

export function isTermEnd(character: string | undefined): boolean {
  return character === undefined || character === ",";
}

function isValueEnd(character: string | undefined): boolean {
  return isTermEnd(character) || character === "|" || /\s/.test(character ?? "");
}

export function skipBlanks(cursor: Cursor): void {
  while (/\s/.test(cursor.text[cursor.at] ?? "")) cursor.at++;
}

/** Takes what the sticky pattern matches here, perhaps nothing. */
export function take(cursor: Cursor, pattern: RegExp): string {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text)?.[0] ?? "";
  cursor.at += match.length;
  return match;
}

/** Makes SELECTOR_INVALID at a place. */
export function fail(
  cursor: Cursor,
  at: number,
  ...[detail, hint]: [string, (string | undefined)?]
): Error {
  return selectorInvalid(cursor.text, at + 1, hint === undefined ? { detail } : { detail, hint });
}
