import type { Script, ScriptSource, ScriptSummary, ScriptVersion } from "@deckhand/core";

/**
 * The port to a place where scripts are kept. Names are data: whatever a name is, nothing outside the library is read
 * or written. A name that is none throws SCRIPT_NAME_INVALID.
 */
export interface ScriptLibrary {
  /** Lists the newest version of every script by name, with those that can not run and why. */
  list(): Promise<readonly ScriptSummary[]>;
  /** Gives the newest version by name or path; undefined when there is none. */
  find(name: string): Promise<Script | undefined>;
  /** Throws SCRIPT_NOT_FOUND, with a name that is near. */
  get(name: string): Promise<Script>;
  /** Gives a version as it was, also of a script that is gone; throws SCRIPT_NOT_FOUND. */
  getVersion(name: string, version: number): Promise<Script>;
  /** Lists all versions ever seen, newest first; throws SCRIPT_NOT_FOUND. */
  listVersions(name: string): Promise<readonly ScriptVersion[]>;
  /** Throws SCRIPT_EXISTS when the name is taken, whatever the extension. */
  create(input: CreateScript): Promise<Script>;
  /** Replaces the text when the newest version is still the one given; throws VERSION_CONFLICT with both. */
  update(input: UpdateScript): Promise<Script>;
  /** Removes the script, not its versions, when the newest version is still the one given. */
  remove(input: RemoveScript): Promise<void>;
  /** Sentences about what can not be used now; empty when all is well. */
  problems(): readonly string[];
  close(): Promise<void>;
}

export interface CreateScript {
  readonly path: string;
  readonly text: string;
  /** Kept with the version that this makes. */
  readonly source?: ScriptSource | undefined;
}

export interface UpdateScript {
  readonly name: string;
  readonly text: string;
  readonly source?: ScriptSource | undefined;
  /** The sha-256 of the version that was read. */
  readonly ifMatch: string;
}

export interface RemoveScript {
  readonly name: string;
  readonly ifMatch: string;
}
