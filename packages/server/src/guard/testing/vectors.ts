import { readFileSync } from "node:fs";
import type { ClientFrame, GuardFrame } from "../frames.ts";

/** One entry of guard/vectors.json: a frame as it goes over the wire, and what it means. */
export interface Vector {
  readonly name: string;
  readonly direction: "to-guard" | "from-guard";
  /** The whole frame with its header. */
  readonly bytes: Buffer;
  /** Nothing for a frame that has to be refused. */
  readonly frame: ClientFrame | GuardFrame | undefined;
}

interface WrittenVector extends Pick<Vector, "name" | "direction"> {
  readonly hex: string;
  /** What is too long to be written out. */
  readonly followedBy?: { readonly byte: string; readonly times: number };
  readonly fields?: unknown;
  /** Why it is refused. */
  readonly bad?: string;
}

const WRITTEN: readonly WrittenVector[] = JSON.parse(
  readFileSync(new URL("../../../../../guard/vectors.json", import.meta.url), "utf8"),
);

/** The frames that both sides of the protocol have to understand alike. */
export const VECTORS: readonly Vector[] = WRITTEN.map((written) => ({
  name: written.name,
  direction: written.direction,
  bytes: toBytes(written),
  frame: written.fields ? (revive(written.fields) as Vector["frame"]) : undefined,
}));

function toBytes({ hex, followedBy }: WrittenVector): Buffer {
  return Buffer.from(hex + (followedBy?.byte.repeat(followedBy.times) ?? ""), "hex");
}

/** JSON has no bytes and no `undefined`: they are written as `{ "hex" }` and `null`. */
function revive(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== "object") return value;
  if ("hex" in value && typeof value.hex === "string") return Buffer.from(value.hex, "hex");
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)]));
}
