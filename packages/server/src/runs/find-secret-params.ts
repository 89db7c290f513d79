import { parseScriptHeader, type RunRequest } from "@deckhand/core";
import { readStoredScript, type ScriptVersions } from "./read-stored-script.ts";

type Program = Pick<RunRequest, "script" | "inline">;

interface ScriptText {
  readonly text: string;
  readonly path: string;
}

/** Gives the names of the parameters that are secret by the header of the script as it is now, whatever else is in it. */
export async function findSecretParams(
  scripts: ScriptVersions<ScriptText>,
  { script, inline }: Program,
): Promise<readonly string[]> {
  const source = inline
    ? { text: inline.text, path: inline.name ?? "" }
    : script !== undefined && (await readStoredScript(scripts, script));
  if (!source) return [];
  const { header } = parseScriptHeader(source.text, source.path);
  return header.params.filter(({ secret }) => secret).map(({ name }) => name);
}
