import { basename } from "node:path";
import { type Command, Option } from "commander";
import type { RunRequestInput } from "@deckhand/core";
import { SQL_CLIENTS } from "@deckhand/core/script/sql-clients";
import type { CommandContext, Surroundings } from "../command-context.ts";
import { readParamWords } from "../param-words.ts";
import {
  addRunOptions,
  readStdinText,
  readText,
  type RunOptions,
  toSharedRequest,
} from "../run-options.ts";
import { addSqlOptions, type SqlOptions, toSqlRequest } from "../sql-options.ts";
import { startRun } from "../start-run.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

interface SqlFlags extends RunOptions, SqlOptions {
  readonly client?: string;
}

export function sqlCommand(surroundings: Surroundings): Command {
  const command = newCommand("sql", {
    summary: "Run SQL by the client in the containers, read-only unless --write says otherwise",
    examples: [
      ["deckhand sql --on label=role=db 'select count(*) from users'", "on every database"],
      [
        `deckhand sql --on db-1 --rows json "select * from users where name = :'NAME'" NAME=ann`,
        "JSON, with a parameter (psql's way to write it)",
      ],
      ["deckhand sql --on db-1 --write 'update users set active = true'", "a change"],
      [
        "deckhand sql --on app-1 --database /data/app.db @report.sql",
        "an SQLite file, from a file",
      ],
    ],
  })
    .argument("<sql>", "the statements, @FILE, or - for standard input")
    .argument("[parameters...]", "NAME=VALUE, or NAME=@file")
    .addOption(new Option("--client <client>", "else the one found").choices(SQL_CLIENTS));
  return addSqlOptions(addRunOptions(command)).action(
    action(surroundings, async (context, sql: string, words: string[], flags: SqlFlags) => {
      const inline = await toInline(context, sql, flags);
      const request: RunRequestInput = {
        inline,
        ...(await toSharedRequest(context, flags)),
        ...toSqlRequest(flags),
        params: await readParamWords(context, words, { inline }),
      };
      await startRun(context, flags, request);
    }),
  );
}

async function toInline(
  context: CommandContext,
  sql: string,
  { client, stdin }: SqlFlags,
): Promise<NonNullable<RunRequestInput["inline"]>> {
  const interpreter = ["sql", client].filter(Boolean).join(" ");
  if (sql === "-" && stdin)
    throw new UsageError("standard input is the SQL already; --stdin can not have it too");
  if (sql === "-") return { text: await readStdinText(context), name: "stdin", interpreter };
  if (!sql.startsWith("@")) return { text: sql, name: toTitle(sql), interpreter };
  const path = sql.slice(1);
  return { text: await readText(path), name: basename(path), interpreter };
}

/** The beginning of the statements, so that the history tells one from another. */
function toTitle(sql: string): string {
  const line = sql.replaceAll(/\s+/g, " ").trim();
  return line.length <= 60 ? line || "sql" : `${line.slice(0, 59)}…`;
}
