import { isAppError } from "../errors.ts";
import { parseSelector } from "./parse-selector.ts";

/** What is wrong in a selector, and where, counted from 1; undefined when it can be read. */
export function findSelectorProblem(text: string): { detail: string; at: number } | undefined {
  try {
    parseSelector(text);
    return undefined;
  } catch (error) {
    if (!isAppError(error, "SELECTOR_INVALID")) throw error;
    const detail = [error.message.split(" At column ", 1)[0], error.hint].filter(Boolean).join(" ");
    return { detail, at: Number(error.extra.column) - 1 };
  }
}
