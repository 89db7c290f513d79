import { type Glob, type GlobPiece, toGlob } from "../selector/glob.ts";

/** Reads a pattern of names, in which `*` and `?` are wildcards and all else stands for itself. */
export function toNameGlob(pattern: string): Glob {
  return toGlob(Array.from(pattern, toPiece));
}

function toPiece(character: string): GlobPiece {
  if (character === "*") return { kind: "any" };
  return character === "?" ? { kind: "one" } : { kind: "text", text: character };
}
