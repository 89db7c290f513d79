import { AppError, type ErrorPlace } from "../errors.ts";
import type { SqlRequest, SqlRows } from "../contract/sql.ts";
import type { Interpreter } from "./interpreter.ts";
import { isPsqlName } from "./reserved-names.ts";
import type { ScriptHeader } from "./script-header.ts";
import { SQL_CLIENTS, type SqlClient } from "./sql-clients.ts";
import { findTextProblem } from "./text-bytes.ts";

/** How a script of the interpreter `sql` is handed to the client that the container has. */
export interface SqlLaunch {
  /** `auto`: by the container's environment, then by what is installed. */
  readonly client: "auto" | SqlClient;
  readonly rows: SqlRows;
  readonly readOnly: boolean;
  /** Names of variables whose values the client gets as its own variables. */
  readonly params: readonly string[];
  /** Undefined: the one that the container's environment names. */
  readonly database: SqlDatabase | undefined;
}

export type SqlDatabase =
  | { readonly kind: "named"; readonly name: string }
  | { readonly kind: "param"; readonly param: string };

/** Tells whether this is no program but `sql`: whichever client the container has, or the one named behind it. */
export function isSql({ commands: [command], commands }: Interpreter): boolean {
  return commands.length === 1 && command === "sql";
}

/** Says what is wrong with what stands behind `sql`; undefined when nothing is. */
export function findSqlProblem(interpreter: Interpreter): string | undefined {
  const { commands, flags } = interpreter;
  if (!isSql(interpreter))
    return commands.includes("sql")
      ? "sql looks for the client itself and stands alone"
      : undefined;
  const [client, ...more] = flags;
  const isKnown = client === undefined || SQL_CLIENTS.some((known) => known === client);
  return isKnown && more.length === 0
    ? undefined
    : `sql takes the name of a client and nothing else: ${SQL_CLIENTS.join(", ")}`;
}

/** `$FILE` is the value of the parameter FILE, anything else a name as it stands. */
export function toSqlDatabase(text: string): SqlDatabase {
  const [, param] = /^\$([A-Za-z_]\w*)$/.exec(text) ?? [];
  return param === undefined ? { kind: "named", name: text } : { kind: "param", param };
}

export interface SqlLaunchInput {
  readonly interpreter: Interpreter;
  readonly header: ScriptHeader;
  readonly request: SqlRequest;
  /** Names of the parameters that a script without a header is given. */
  readonly given: readonly string[];
}

/** Puts together what the header says and what the caller asks for, which goes first; throws PARAM_INVALID. */
export function toSqlLaunch({ interpreter, header, request, given }: SqlLaunchInput): SqlLaunch {
  const client = SQL_CLIENTS.find((known) => known === interpreter.flags[0]) ?? "auto";
  const params = header.declared ? header.params.map(({ name }) => name) : given;
  const database = request.database ?? header.database ?? undefined;
  const launch: SqlLaunch = {
    client,
    rows: request.rows ?? header.rows ?? "table",
    readOnly: request.readOnly ?? !["write", "destructive"].includes(header.effect ?? "read"),
    params,
    database: database === undefined ? undefined : toSqlDatabase(database),
  };
  assertSound(launch);
  return launch;
}

function assertSound({ client, params, database }: SqlLaunch): void {
  const errors: ErrorPlace[] = [];
  if (client === "auto" || client === "psql") {
    for (const name of params.filter(isPsqlName))
      errors.push({ pointer: `/params/${name}`, detail: "is a setting of psql's own" });
  }
  if (database?.kind === "param" && !params.includes(database.param))
    errors.push({ pointer: "/sql/database", detail: `there is no parameter ${database.param}` });
  const problem = database?.kind === "named" ? findTextProblem(database.name) : undefined;
  if (problem !== undefined) errors.push({ pointer: "/sql/database", detail: problem });
  const [first] = errors;
  if (!first) return;
  throw new AppError("PARAM_INVALID", {
    detail: `${first.pointer.slice(first.pointer.lastIndexOf("/") + 1)} ${first.detail}.`,
    errors,
    hint: "How SQL scripts take parameters and databases is in docs/sql.md.",
  });
}
