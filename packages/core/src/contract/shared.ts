import { z } from "zod";

export const timestamp = z.iso.datetime().meta({ description: "RFC 3339, UTC, with milliseconds" });
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const runId = z
  .string()
  .regex(/^run_[0-9a-z]{26}$/)
  .meta({ example: "run_01k9g4z7e0s2m4n6p8q0r2t4v6" });
export const executionId = z
  .string()
  .regex(/^exe_[0-9a-z]{26}$/)
  .meta({ example: "exe_01k9g4z7e0s2m4n6p8q0r2t4v6" });
export const targetId = z
  .string()
  .regex(/^tgt_[0-9a-z]{16}$/)
  .meta({ example: "tgt_3f9a1c0b7d2e4f68" });
export const tokenId = z
  .string()
  .regex(/^tok_[0-9a-z]{26}$/)
  .meta({ example: "tok_01k9g4z7e0s2m4n6p8q0r2t4v6" });

/** `10m`, `1h30m`, `90s`, `500ms` or a number of seconds in words; `parseDurationMs` reads it. */
export const durationText = z
  .string()
  .max(32)
  .regex(/^(\d+(\.\d+)?(ms|s|m|h|d))+$/, "write a duration such as 30s, 10m or 1h30m")
  .meta({ example: "10m" });

/** A page of a list: what to give as `after` for the next one, or null at the end. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ data: z.array(item), next: z.string().nullable() });
}

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().max(512).optional(),
});

/** An optional query value that may be given once or several times. */
export function oneOrMany<Item extends z.ZodType>(item: Item) {
  return z.union([item.transform((one) => [one]), z.array(item).max(100)]).optional();
}
