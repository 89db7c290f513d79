import { z } from "zod";
import { timestamp } from "./shared.ts";

/** The name of a stored secret: parts like those of a script's name. */
export const secretName = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*){0,7}$/,
    "use letters, digits, . _ and -, in parts with / between them",
  )
  .meta({ example: "db/main" });

/** Which stored secret a secret parameter is filled from. */
export const secretReferences = z.record(z.string(), secretName).meta({
  description: "stored secrets by the name of the parameter that each fills",
  example: { PGPASSWORD: "db/main" },
});

/** A stored secret; nothing shows its value. */
export const storedSecret = z
  .object({
    name: secretName,
    createdAt: timestamp,
    updatedAt: timestamp,
    updatedBy: z.string().nullable().meta({ description: "the token's name" }),
  })
  .meta({ id: "Secret" });
export type StoredSecret = z.infer<typeof storedSecret>;

export const storedSecretList = z.object({ data: z.array(storedSecret) }).meta({
  id: "SecretList",
});

export const setSecretRequest = z
  .strictObject({
    value: z
      .string()
      .min(1)
      .max(64 * 1024)
      .meta({ description: "4 bytes at least, or it could not be hidden in output" }),
  })
  .meta({ id: "SetSecretRequest" });
