import { z } from "zod";

/** For requests that start a run. */
export const idempotencyHeaders = z.looseObject({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, "1 to 255 printable characters without spaces")
    .optional()
    .meta({ description: "the same key and request give the same run, for 24 hours" }),
});
