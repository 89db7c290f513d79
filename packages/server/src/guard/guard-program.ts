import { existsSync, readFileSync } from "node:fs";
import { createHash } from "node:crypto";

/** The guard for one architecture, as it goes into containers. */
export interface GuardProgram {
  readonly bytes: Buffer;
  /** Part of the file's name in containers: another program has another. */
  readonly version: string;
  /** The kernel's number for memfd_create, which a Perl without headers has to be told. */
  readonly memfdCall: number;
}

const BUILT = new URL("../../../../guard/build/", import.meta.url);
/** By the words that engines use for an architecture. */
const ARCHITECTURES: Readonly<
  Record<string, { readonly file: string; readonly memfdCall: number }>
> = {
  amd64: { file: "deckhand-guard-x86_64", memfdCall: 319 },
  x86_64: { file: "deckhand-guard-x86_64", memfdCall: 319 },
  arm64: { file: "deckhand-guard-aarch64", memfdCall: 279 },
  aarch64: { file: "deckhand-guard-aarch64", memfdCall: 279 },
};
const VERSION_DIGITS = 16;

const loaded = new Map<string, GuardProgram | undefined>();

/** Gives the guard for an engine's architecture; `undefined` where none was built. */
export function findGuardProgram(architecture: string): GuardProgram | undefined {
  if (!loaded.has(architecture)) loaded.set(architecture, load(architecture));
  return loaded.get(architecture);
}

function load(architecture: string): GuardProgram | undefined {
  const known = ARCHITECTURES[architecture];
  if (!known) return undefined;
  const path = new URL(known.file, BUILT);
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const version = createHash("sha256").update(bytes).digest("hex").slice(0, VERSION_DIGITS);
  return { bytes, version, memfdCall: known.memfdCall };
}
