import type { Glob, GlobPiece } from "./glob.ts";
import { type GroupTerm, KEY_BY_WORD, type Selector, type SelectorTerm } from "./selector.ts";

const PLAIN_VALUE = /^[\w.:/@+=-]+$/;
const PLAIN_NAME = /^[\w.-]+$/;
const PLAIN_LABEL = /^[\w./-]+$/;

/** Writes a selector in its normal form; reading it again gives the same terms. */
export function formatSelector({ terms }: Selector): string {
  return terms.map(formatTerm).join(",");
}

/** Writes one term in its normal form. */
export function formatTerm(term: SelectorTerm): string {
  if (term.kind === "short") return formatShort(term.values);
  if (term.kind === "group") return formatGroups(term);
  if (term.kind === "field")
    return term.operator === "exists"
      ? term.key
      : `${term.key}${sign(term.operator)}${formatValues(term.values)}`;
  const label = quoteUnless(PLAIN_LABEL, term.label);
  if (term.operator === "exists") return `label=${label}`;
  if (term.operator === "absent") return `label!=${label}`;
  return `label${sign(term.operator)}${label}=${formatValues(term.values)}`;
}

function formatGroups({ operator, names }: GroupTerm): string {
  if (operator === "is-not") return `group!=${names.join("|")}`;
  return names.map((name) => `@${name}`).join("|");
}

function sign(operator: "is" | "is-not"): string {
  return operator === "is" ? "=" : "!=";
}

function formatValues(values: readonly Glob[]): string {
  return values
    .map(({ pieces }) => pieces.map((piece) => formatPiece(piece, PLAIN_VALUE)).join(""))
    .join("|");
}

/** A lone name that is also a key is quoted, or it would be read as the key. */
function formatShort(values: readonly Glob[]): string {
  const only = values.length === 1 ? values[0]?.literal : undefined;
  if (only !== undefined && Object.hasOwn(KEY_BY_WORD, only)) return `"${only}"`;
  return values
    .map(({ pieces }) => pieces.map((piece) => formatPiece(piece, PLAIN_NAME)).join(""))
    .join("|");
}

function formatPiece(piece: GlobPiece, plain: RegExp): string {
  if (piece.kind === "text") return quoteUnless(plain, piece.text);
  return piece.kind === "any" ? "*" : "?";
}

function quoteUnless(plain: RegExp, text: string): string {
  return plain.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
