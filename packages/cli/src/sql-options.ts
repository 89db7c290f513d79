import { type Command, Option } from "commander";
import type { RunRequestInput, SqlRows } from "@deckhand/core";
import { SQL_ROWS } from "@deckhand/core/contract/choices";

export interface SqlOptions {
  readonly rows?: SqlRows;
  readonly database?: string;
  readonly write?: boolean;
}

/** For scripts of the interpreter `sql`. */
export function addSqlOptions(command: Command): Command {
  return command
    .addOption(new Option("--rows <form>", "SQL: the form of its rows").choices(SQL_ROWS))
    .option("--database <name>", "SQL: which database, or which SQLite file")
    .option("--write", "SQL: it may change data")
    .option("--no-write", "SQL: it may not, whatever its header says");
}

/** Says nothing where nothing was asked for, so that the script's header decides. */
export function toSqlRequest({ rows, database, write }: SqlOptions): Pick<RunRequestInput, "sql"> {
  const sql = {
    ...(rows && { rows }),
    ...(database !== undefined && { database }),
    ...(write !== undefined && { readOnly: !write }),
  };
  return Object.keys(sql).length === 0 ? {} : { sql };
}
