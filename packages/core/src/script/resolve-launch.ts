import { AppError } from "../errors.ts";
import { findInterpreter, type Interpreter, type ScriptLaunch, toLaunch } from "./interpreter.ts";
import type { ScriptHeader } from "./script-header.ts";
import { findExtension } from "./script-path.ts";

export interface LaunchInput {
  readonly header: ScriptHeader;
  /** The script's path, or any name for it. */
  readonly path: string;
  /** What the caller asks for; it goes before what the script says. */
  readonly interpreter: string | undefined;
}

/** Decides what starts a script: the caller, its header, its first line, its extension; throws INTERPRETER_UNKNOWN. */
export function resolveLaunch({ header, path, interpreter }: LaunchInput): ScriptLaunch {
  const found = interpreter === undefined ? header.interpreter : askedFor(interpreter);
  if (found === null) throw unknownInterpreter(path);
  return toLaunch(found, findExtension(path), header.params);
}

function askedFor(text: string): Interpreter {
  const found = findInterpreter(text);
  if (found) return found;
  throw new AppError("INTERPRETER_UNKNOWN", {
    detail: `"${text.slice(0, 200)}" names no interpreter.`,
    hint: "Write a program with its flags, for example python3, python3|python or psql -X -q.",
  });
}

function unknownInterpreter(path: string): AppError {
  return new AppError("INTERPRETER_UNKNOWN", {
    detail: `Nothing says what starts ${path}: it has no @interpreter, no #! line and no known extension.`,
    hint: "Begin it with a line such as #!/usr/bin/env bash, or name the interpreter with the run.",
  });
}
