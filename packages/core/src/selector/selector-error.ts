import { AppError } from "../errors.ts";

const SHOWN_BEFORE = 40;
const SHOWN_AFTER = 20;

/** Makes SELECTOR_INVALID with the text and a caret under the place; `column` counts from 1. */
export function selectorInvalid(
  selector: string,
  column: number,
  what: { detail: string; hint?: string },
): AppError {
  return new AppError("SELECTOR_INVALID", {
    detail: `${what.detail} At column ${column}:\n  ${toExcerpt(selector, column)}`,
    ...(what.hint === undefined ? {} : { hint: what.hint }),
    extra: { selector, column },
  });
}

function toExcerpt(selector: string, column: number): string {
  const from = Math.max(0, column - 1 - SHOWN_BEFORE);
  const to = Math.min(selector.length, column - 1 + SHOWN_AFTER);
  const before = (from > 0 ? "…" : "") + toOneLine(selector.slice(from, column - 1));
  const after = toOneLine(selector.slice(column - 1, to)) + (to < selector.length ? "…" : "");
  return `${before}${after}\n  ${" ".repeat(before.length)}^`;
}

function toOneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}
