import { matchLine, type SearchHit, type SearchTerm } from "@deckhand/core";
import type { ScriptLibrary } from "../scripts/script-library.ts";
import { LONGEST_LINE } from "./split-lines.ts";

type ScriptHit = Extract<SearchHit, { kind: "script" }>;

export interface FindInScripts {
  readonly terms: readonly SearchTerm[];
  /** Only in this script. */
  readonly script: string | undefined;
  readonly limit: number;
}

/** Looks through the newest versions, in the order of their names. */
export async function findInScripts(
  library: Pick<ScriptLibrary, "list" | "find">,
  { terms, script, limit }: FindInScripts,
): Promise<readonly ScriptHit[]> {
  const hits: ScriptHit[] = [];
  for (const { name } of await library.list()) {
    if (script !== undefined && name !== script) continue;
    const found = await library.find(name);
    if (found) hits.push(...toHits(found, terms).slice(0, limit - hits.length));
    if (hits.length === limit) break;
  }
  return hits;
}

function toHits(
  { name, version, text }: { name: string; version: number; text: string },
  terms: readonly SearchTerm[],
): ScriptHit[] {
  return text.split("\n").flatMap((whole, place) => {
    const line = whole.slice(0, LONGEST_LINE);
    const matches = matchLine(terms, line);
    if (!matches) return [];
    const url = `/api/v1/scripts/${encodeURIComponent(name)}`;
    const found = { line: place + 1, text: line, matches: [...matches] };
    return [{ kind: "script", script: name, version, ...found, url }];
  });
}
