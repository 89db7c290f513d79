import type { Selector, SelectorTerm } from "./selector.ts";

/** Whether a selector names one target, as `pg-1` or `name=pg-1,engine=prod`: who has found it need not look for others. */
export function namesOneTarget({ terms }: Selector): boolean {
  return terms.some(isOneName);
}

function isOneName(term: SelectorTerm): boolean {
  const isName =
    term.kind === "short" ||
    (term.kind === "field" && term.operator === "is" && ["name", "id"].includes(term.key));
  return isName && term.values.length === 1 && term.values[0]?.literal !== undefined;
}
