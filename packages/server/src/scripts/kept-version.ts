import { createHash } from "node:crypto";
import {
  scriptSource,
  type ScriptSource,
  type ScriptVersion,
  sha256 as sha256Schema,
  timestamp,
} from "@deckhand/core";
import { z } from "zod";

export const keptVersion = z.object({
  version: z.number().int().positive(),
  sha256: sha256Schema,
  sizeBytes: z.number().int(),
  createdAt: timestamp,
  /** The script's path at the time: its extension tells what starts it. */
  path: z.string(),
  source: scriptSource.nullable().default(null),
});
export type KeptVersion = z.infer<typeof keptVersion>;

/** All versions of one name as they are written down, oldest first. */
export const versionList = z.object({ name: z.string(), versions: z.array(keptVersion) });

/** A content that was found under a name. */
export interface SeenContent {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly source?: ScriptSource | null | undefined;
}

/** Counts a content as the version after the last one. */
export function toNextVersion(
  { path, bytes, source = null }: SeenContent,
  { last, at }: { readonly last: KeptVersion | undefined; readonly at: number },
): KeptVersion {
  return {
    version: (last?.version ?? 0) + 1,
    sha256: toSha256(bytes),
    sizeBytes: bytes.length,
    createdAt: new Date(at).toISOString(),
    path,
    source,
  };
}

/** A name may be longer than a file name and may differ from another in case only; its hash does neither. */
export function toListName(name: string): string {
  return `${toSha256(Buffer.from(name))}.json`;
}

export function toScriptVersion({
  version,
  sha256,
  sizeBytes,
  createdAt,
  source,
}: KeptVersion): ScriptVersion {
  return { version, sha256, sizeBytes, createdAt, source };
}

export function toSha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
