import type { ScriptProblem, ScriptSummary } from "../contract/script.ts";
import { findScriptPath } from "./script-path.ts";

/** A script file of the folder that a library is made like. */
export interface LocalScript {
  /** Where it goes in the library: `db/vacuum.sh`. */
  readonly path: string;
  readonly sha256: string;
}

/** What has to be done about one script, or why nothing is. */
export type SyncStep = { readonly name: string; readonly path: string } & (
  | { readonly kind: "create" }
  | { readonly kind: "unchanged" }
  | { readonly kind: "update" | "delete"; readonly ifMatch: string; readonly version: number }
  | { readonly kind: "conflict"; readonly detail: string }
);

export interface SyncRequest {
  readonly local: readonly LocalScript[];
  readonly remote: readonly RemoteScript[];
  /** Only scripts in this folder of the library can be deleted: `""` or `ops/`. */
  readonly prefix: string;
  readonly deletes: boolean;
  /** Writes also over what others have changed. */
  readonly force: boolean;
}

export type RemoteScript = Pick<ScriptSummary, "name" | "path" | "sha256" | "version" | "source">;

/**
 * Compares a folder with a library. What the library has and no sync has put there was changed by somebody else: it is a
 * conflict, and nothing is done to it unless that is forced.
 */
export function planSync({ local, remote, prefix, deletes, force }: SyncRequest): SyncStep[] {
  const byName = new Map(
    remote.filter(({ sha256 }) => sha256 !== null).map((one) => [one.name, one]),
  );
  const names = new Set(local.map(({ path }) => nameOf(path)));
  const written = local.map((script) => planOne(script, byName.get(nameOf(script.path)), force));
  const gone = [...byName.values()].filter(
    ({ name, path }) => deletes && path.startsWith(prefix) && !names.has(name),
  );
  return [...written, ...gone.map((script) => planDelete(script, force))].sort(byPath);
}

function planOne(
  { path, sha256 }: LocalScript,
  there: RemoteScript | undefined,
  force: boolean,
): SyncStep {
  const name = nameOf(path);
  if (!there) return { kind: "create", name, path };
  if (there.path !== path) {
    const detail = `the name is taken by ${there.path}; remove that one, or give this file its extension`;
    return { kind: "conflict", name, path, detail };
  }
  if (there.sha256 === sha256) return { kind: "unchanged", name, path };
  return planChange("update", there, force);
}

function planDelete(there: RemoteScript, force: boolean): SyncStep {
  return planChange("delete", there, force);
}

function planChange(
  kind: "update" | "delete",
  { name, path, version, sha256, source }: RemoteScript,
  force: boolean,
): SyncStep {
  if (force || source?.kind === "sync") return { kind, name, path, version, ifMatch: sha256 ?? "" };
  const detail = `version ${version} was put there by somebody else, and no sync`;
  return { kind: "conflict", name, path, detail };
}

/** Finds what must not be stored, all at once: names that are none, and files that would have the same name. */
export function findSyncProblems(
  paths: readonly string[],
): readonly (Pick<ScriptProblem, "detail"> & { readonly path: string })[] {
  const first = new Map<string, string>();
  return paths.toSorted().flatMap((path) => {
    const name = findScriptPath(path)?.name;
    if (name === undefined)
      return [{ path, detail: "this is no script name: use letters, digits, . _ and - only" }];
    const other = first.get(name);
    if (other !== undefined)
      return [{ path, detail: `${other} has the same name; rename one of them` }];
    first.set(name, path);
    return [];
  });
}

function nameOf(path: string): string {
  return findScriptPath(path)?.name ?? path;
}

function byPath(one: SyncStep, other: SyncStep): number {
  return one.path < other.path ? -1 : 1;
}
