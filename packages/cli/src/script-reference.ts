export interface ScriptReference {
  readonly name: string;
  /** `undefined` is the newest. */
  readonly version: number | undefined;
}

/** `db/vacuum` is the newest version, `db/vacuum@3` that one. */
export function toScriptReference(reference: string): ScriptReference {
  const [, name = reference, version] = /^(.+)@(\d{1,9})$/.exec(reference) ?? [];
  return { name, version: version === undefined ? undefined : Number(version) };
}
