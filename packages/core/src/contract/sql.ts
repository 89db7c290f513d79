import { z } from "zod";
import { SQL_CLIENTS } from "../script/sql-clients.ts";
import { SQL_ROWS } from "./choices.ts";

export const sqlRows = z.enum(SQL_ROWS).meta({
  description: "the form in which an SQL script's rows come out",
});
export type SqlRows = z.infer<typeof sqlRows>;

/** For scripts of the interpreter `sql` only. */
export const sqlRequest = z
  .strictObject({
    database: z.string().min(1).max(1024).optional().meta({
      description:
        "a database's name, or an SQLite file; $NAME is the value of that parameter. Else the header's, else the container's",
      example: "shop",
    }),
    rows: sqlRows.optional(),
    readOnly: z.boolean().optional().meta({
      description:
        "else true, unless the header says @effect write or destructive; a guard against mistakes",
    }),
  })
  .meta({ id: "SqlRequest" });
export type SqlRequest = z.infer<typeof sqlRequest>;

/** What holds for an SQL script of a run. */
export const sqlView = z
  .object({
    client: z.enum(["auto", ...SQL_CLIENTS]),
    database: z.string().nullable(),
    rows: sqlRows,
    readOnly: z.boolean(),
  })
  .nullable()
  .meta({ description: "null when it is no script of the interpreter sql" });
export type SqlView = z.infer<typeof sqlView>;
