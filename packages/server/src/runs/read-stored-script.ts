/** The part of the script library that is read by a reference. */
export interface ScriptVersions<Script> {
  get(name: string): Promise<Script>;
  getVersion(name: string, version: number): Promise<Script>;
}

/** `db/vacuum` is the newest version, `db/vacuum@12` that one. */
export async function readStoredScript<Script>(
  scripts: ScriptVersions<Script>,
  reference: string,
): Promise<Script> {
  const [, name = reference, version] = /^(.+)@(\d{1,9})$/.exec(reference) ?? [];
  return version === undefined ? scripts.get(name) : scripts.getVersion(name, Number(version));
}
