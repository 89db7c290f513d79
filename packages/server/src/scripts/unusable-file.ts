import {
  findScriptPath,
  parseScriptHeader,
  type ScriptHeaderView,
  type ScriptSummary,
  toHeaderView,
} from "@deckhand/core";
import { isScript } from "./describe-script.ts";

/** The wire wants a time; such a file was never kept. */
const NEVER = new Date(0).toISOString();

/** What a file of a library is by its content: a script, something else, or a script that can not be used. */
export type FileKind =
  | { readonly kind: "script" }
  | { readonly kind: "other" }
  | { readonly kind: "refused"; readonly detail: string };

export function toFileKind(path: string, text: string): FileKind {
  if (!isScript(parseScriptHeader(text, path))) return { kind: "other" };
  if (findScriptPath(path)) return { kind: "script" };
  const detail = "this is no script name: rename the file, with letters, digits, . _ and - only";
  return { kind: "refused", detail };
}

/** What can not be read is taken for a script when its name says so. */
export function toUnreadKind(path: string, detail: string): FileKind {
  const { header } = parseScriptHeader("", path);
  return header.interpreter === null
    ? { kind: "other" }
    : { kind: "refused", detail: `the file ${detail}` };
}

/** Shows a file that can not be a script, with the reason. */
export function toRefused(
  path: string,
  { detail, sizeBytes }: { detail: string; sizeBytes: number },
): ScriptSummary {
  const problems = [{ line: 1, column: 1, detail }];
  return {
    name: path,
    path,
    version: 0,
    sha256: null,
    sizeBytes,
    updatedAt: NEVER,
    source: null,
    header: emptyHeader(path),
    problems,
  };
}

/** Shows a file whose name another one has. */
export function toShadowed(path: string, winner: string): ScriptSummary {
  return toRefused(path, {
    detail: `${winner} has the same name; rename one of them`,
    sizeBytes: 0,
  });
}

function emptyHeader(path: string): ScriptHeaderView {
  return toHeaderView(parseScriptHeader("", path).header);
}
