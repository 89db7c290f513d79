import type { DeckhandClient } from "@deckhand/client";
import type { ScriptSummary } from "@deckhand/core";

/** Gives the scripts of all pages. */
export async function listAllScripts(
  client: DeckhandClient,
  search?: string,
): Promise<ScriptSummary[]> {
  const scripts: ScriptSummary[] = [];
  for (let after: string | undefined; ; ) {
    const page = await client.listScripts({ search, limit: 200, after });
    scripts.push(...page.data);
    if (page.next === null) return scripts;
    after = page.next;
  }
}
