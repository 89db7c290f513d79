import { AppError } from "../errors.ts";

/** One word or phrase of a search. */
export interface SearchTerm {
  readonly text: string;
  /** Longer words that begin like it are meant as well. */
  readonly isPrefix: boolean;
  /** Lines that have it are left out. */
  readonly isExcluded: boolean;
}

const MOST_TERMS = 20;
const SHORTEST_PREFIX = 3;
const TERM = /(-?)(?:"([^"]*)"?|([^\s"]+))/gu;

/** Reads words, "whole phrases", -excluded ones and beginnings*; throws QUERY_INVALID. */
export function parseSearch(text: string): readonly SearchTerm[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come through
  const plain = text.replaceAll(/[\u0000-\u001f\u007f]/g, " ").toWellFormed();
  const terms = [...plain.matchAll(TERM)].map(([, minus = "", phrase, word = ""]) =>
    toTerm(phrase ?? word, { isExcluded: minus === "-", isPhrase: phrase !== undefined }),
  );
  const problem = findProblem(terms);
  if (problem === undefined) return terms;
  throw new AppError("QUERY_INVALID", {
    detail: `The search ${problem}.`,
    errors: [{ pointer: "/q", detail: problem }],
    hint: 'Write words; "a phrase" stays together, conn* is a beginning, -word leaves lines out.',
  });
}

function toTerm(
  text: string,
  { isExcluded, isPhrase }: { readonly isExcluded: boolean; readonly isPhrase: boolean },
): SearchTerm {
  const isPrefix = !isPhrase && text.endsWith("*");
  return { text: isPrefix ? text.replace(/\*+$/, "") : text, isPrefix, isExcluded };
}

function findProblem(terms: readonly SearchTerm[]): string | undefined {
  if (!terms.some(({ isExcluded }) => !isExcluded)) return "names no word to look for";
  if (terms.length > MOST_TERMS) return `has more than ${MOST_TERMS} words`;
  const empty = terms.find(({ text }) => !/[\p{L}\p{N}]/u.test(text));
  if (empty) return `has a word without a letter or digit: ${JSON.stringify(empty.text)}`;
  const short = terms.find(({ text, isPrefix }) => isPrefix && [...text].length < SHORTEST_PREFIX);
  return short && `has a beginning of fewer than ${SHORTEST_PREFIX} characters: ${short.text}*`;
}

/** Writes them in the words of SQLite's full-text search; what a user wrote is only ever between quotes. */
export function toFullTextQuery(terms: readonly SearchTerm[]): string {
  const [wanted, unwanted] = [false, true].map((isExcluded) =>
    terms.filter((term) => term.isExcluded === isExcluded).map(toFullTextTerm),
  ) as [string[], string[]];
  return [`(${wanted.join(" AND ")})`, ...unwanted].join(" NOT ");
}

function toFullTextTerm({ text, isPrefix }: SearchTerm): string {
  return `"${text.replaceAll('"', '""')}"${isPrefix ? "*" : ""}`;
}

/** A part of a text, up to and without the character at `to`. */
export interface TextRange {
  readonly from: number;
  readonly to: number;
}

/** Where the words stand in a line; undefined for a line that is not meant. Upper and lower case are alike. */
export function matchLine(
  terms: readonly SearchTerm[],
  line: string,
): readonly TextRange[] | undefined {
  const lower = line.toLowerCase();
  const ranges: TextRange[] = [];
  for (const { text, isExcluded } of terms) {
    const at = lower.indexOf(text.toLowerCase());
    if (at >= 0 === isExcluded) return undefined;
    if (!isExcluded) ranges.push({ from: at, to: at + text.length });
  }
  return ranges.sort((one, other) => one.from - other.from);
}
