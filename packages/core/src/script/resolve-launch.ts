import { AppError } from "../errors.ts";
import type { SqlRequest } from "../contract/sql.ts";
import {
  findInterpreter,
  type Interpreter,
  type ScriptLaunch,
  toLaunch,
  toSqlScriptLaunch,
} from "./interpreter.ts";
import type { ScriptHeader } from "./script-header.ts";
import { findExtension } from "./script-path.ts";
import { findSqlProblem, isSql, toSqlLaunch } from "./sql-launch.ts";

export interface LaunchInput {
  readonly header: ScriptHeader;
  /** The script's path, or any name for it. */
  readonly path: string;
  /** What the caller asks for; it goes before what the script says. */
  readonly interpreter: string | undefined;
  /** What the caller asks for where the interpreter is `sql`. */
  readonly sql?: SqlRequest | undefined;
  /** Names of the parameters that the caller gives. */
  readonly given?: readonly string[];
}

/** Decides what starts a script: the caller, its header, its first line, its extension; throws INTERPRETER_UNKNOWN. */
export function resolveLaunch({
  header,
  path,
  interpreter,
  sql,
  given = [],
}: LaunchInput): ScriptLaunch {
  const found = interpreter === undefined ? header.interpreter : askedFor(interpreter);
  if (found === null) throw unknownInterpreter(path);
  if (isSql(found))
    return toSqlScriptLaunch(
      toSqlLaunch({ interpreter: found, header, request: sql ?? {}, given }),
    );
  if (sql) throw notSql();
  return toLaunch(found, findExtension(path), header.params);
}

/** Settings for SQL where nothing heeds them would be a mistake that nobody sees. */
export function notSql(): AppError {
  return new AppError("PARAM_INVALID", {
    detail: "Only scripts of the interpreter sql take `sql`.",
    errors: [{ pointer: "/sql", detail: "is for scripts of the interpreter sql" }],
    hint: "Name the interpreter: @interpreter sql in the header, or --interpreter sql",
  });
}

function askedFor(text: string): Interpreter {
  const found = findInterpreter(text);
  const problem = found && findSqlProblem(found);
  if (found && problem === undefined) return found;
  throw new AppError("INTERPRETER_UNKNOWN", {
    detail: `"${text.slice(0, 200)}" names no interpreter${problem === undefined ? "" : `: ${problem}`}.`,
    hint: "Write a program with its flags, for example python3, python3|python or psql -X -q.",
  });
}

function unknownInterpreter(path: string): AppError {
  return new AppError("INTERPRETER_UNKNOWN", {
    detail: `Nothing says what starts ${path}: it has no @interpreter, no #! line and no known extension.`,
    hint: "Begin it with a line such as #!/usr/bin/env bash, or name the interpreter with the run.",
  });
}
