import { z } from "zod";
import { timestamp, tokenId } from "./shared.ts";

/** The name of anything that is kept under a name: a group, a schedule, a trigger, a channel. */
export const definitionName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "use small letters, digits, . _ and -, up to 63 of them")
  .meta({ example: "db-eu" });

/** What every definition shows; a kind adds its own members with `.extend`. */
export function definitionView(idPrefix: string) {
  return z.object({
    id: z
      .string()
      .regex(new RegExp(`^${idPrefix}[0-9a-z]{26}$`))
      .meta({ example: `${idPrefix}01k9g4z7e0s2m4n6p8q0r2t4v6` }),
    name: definitionName,
    version: z.number().int().meta({ description: "counts its changes from 1" }),
    createdAt: timestamp,
    updatedAt: timestamp,
    by: z
      .object({ tokenId: tokenId.nullable(), name: z.string() })
      .meta({ description: "who made this version" }),
  });
}

export type DefinitionView = z.infer<ReturnType<typeof definitionView>>;

/** Definitions are listed by name, and `next` is the last name of the page. */
export const definitionQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  after: z.string().max(63).optional(),
});
