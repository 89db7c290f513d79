import { z } from "zod";
import { pageOf, pageQuery, timestamp, tokenId } from "./shared.ts";

export const token = z
  .object({
    id: tokenId,
    name: z.string(),
    createdAt: timestamp,
    expiresAt: timestamp.nullable(),
    lastUsedAt: timestamp.nullable(),
  })
  .meta({ id: "Token" });
export type Token = z.infer<typeof token>;
export const tokenList = z.object({ data: z.array(token) }).meta({ id: "TokenList" });
export const createTokenRequest = z
  .strictObject({
    name: z.string().min(1).max(100),
    expiresIn: z
      .string()
      .max(32)
      .regex(/^(\d+(\.\d+)?(ms|s|m|h|d))+$/)
      .optional(),
  })
  .meta({ id: "CreateTokenRequest" });
export const createdToken = token
  .extend({ secret: z.string().meta({ description: "shown once; give it as the Bearer token" }) })
  .meta({ id: "CreatedToken" });
export type CreatedToken = z.infer<typeof createdToken>;

export const auditEntry = z
  .object({
    id: z.number().int(),
    at: timestamp,
    who: z.object({ tokenId: tokenId.nullable(), name: z.string() }),
    action: z.string(),
    object: z.string().nullable(),
    where: z.string().nullable().meta({ description: "the caller's address" }),
    outcome: z.enum(["allowed", "refused"]),
    requestId: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof auditEntry>;
export const auditPage = pageOf(auditEntry).meta({ id: "AuditPage" });
export const auditQuery = pageQuery.extend({
  action: z.string().max(100).optional(),
  object: z.string().max(300).optional(),
});
