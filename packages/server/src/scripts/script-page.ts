import { AppError, type ScriptPage, type ScriptSummary } from "@deckhand/core";

export interface ScriptQuery {
  readonly search?: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}

/** Cuts a page out of the scripts; `search` is looked for in name, title and tags, without regard to case. */
export function toScriptPage(
  scripts: readonly ScriptSummary[],
  { search, limit, after }: ScriptQuery,
): ScriptPage {
  const from = after === undefined ? "" : readCursor(after);
  const rest = scripts.filter(
    (script) => script.name > from && matches(script, search?.toLowerCase()),
  );
  const data = rest.slice(0, limit);
  const last = data.at(-1);
  return { data, next: last && rest.length > limit ? toCursor(last.name) : null };
}

function matches({ name, header }: ScriptSummary, search: string | undefined): boolean {
  if (search === undefined) return true;
  return [name, header.title ?? "", ...header.tags].some((text) =>
    text.toLowerCase().includes(search),
  );
}

function toCursor(name: string): string {
  return Buffer.from(name).toString("base64url");
}

function readCursor(cursor: string): string {
  const name = Buffer.from(cursor, "base64url").toString();
  if (name !== "" && toCursor(name) === cursor) return name;
  throw new AppError("CURSOR_INVALID", {
    detail: `${JSON.stringify(cursor.slice(0, 100))} is no cursor of this list.`,
    hint: "Give `next` of the page before, or nothing for the first page.",
  });
}
