import {
  type ParsedHeader,
  parseScriptHeader,
  type Script,
  type ScriptVersion,
  toHeaderView,
} from "@deckhand/core";

export interface ScriptText {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly version: ScriptVersion;
}

/** Puts a version together with what its header says. */
export function describeScript({ name, path, text, version }: ScriptText): Script {
  const { header, problems } = parseScriptHeader(text, path);
  return {
    name,
    path,
    version: version.version,
    sha256: version.sha256,
    sizeBytes: version.sizeBytes,
    updatedAt: version.createdAt,
    source: version.source,
    header: toHeaderView(header),
    problems: [...problems],
    text,
  };
}

/** Tells scripts from other files: a script says what starts it, or at least tries to. */
export function isScript({ header, problems }: ParsedHeader): boolean {
  return header.interpreter !== null || header.declared || problems.length > 0;
}
