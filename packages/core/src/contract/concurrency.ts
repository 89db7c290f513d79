import { z } from "zod";
import { ON_CONFLICT } from "./choices.ts";

/** At most one run of a key goes on at a time; what becomes of a later one is said here. */
export const concurrencyRequest = z
  .strictObject({
    key: z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/, "1 to 200 printable characters without spaces")
      .meta({ example: "db/backup" }),
    onConflict: z.enum(ON_CONFLICT).default("queue").meta({
      description:
        "while another run has the key: wait for it in the order of arrival, end at once as skipped, or cancel it and start when it has ended",
    }),
  })
  .meta({ id: "Concurrency" });
export type Concurrency = z.infer<typeof concurrencyRequest>;
