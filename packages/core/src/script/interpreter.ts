import type { ScriptParam } from "../contract/script.ts";
import type { SqlLaunch } from "./sql-launch.ts";

/** How an interpreter takes a script. */
export interface ScriptLaunch {
  /** Programs to try, in order: the first that the container has. */
  readonly commands: readonly string[];
  /** Arguments before the script's path. */
  readonly flags: readonly string[];
  /** `descriptor`: `/dev/fd/N` of an already removed file; `file`: a path that stays until the script ends. */
  readonly delivery: "descriptor" | "file";
  /** With the dot, for interpreters that look at it; `""` for none. */
  readonly extension: string;
  /** A second script that runs first in the same interpreter (psql's variables); `""` for none. */
  readonly prelude: string;
  /** For the interpreter `sql`: the shell that is started gets a program of ours as its prelude, by these settings. */
  readonly sql?: SqlLaunch;
}

/** What starts a script: the programs that will do, and their flags. */
export interface Interpreter {
  readonly commands: readonly string[];
  readonly flags: readonly string[];
}

const PSQL_FLAGS = ["-X", "-q", "-v", "ON_ERROR_STOP=1"];

const BY_EXTENSION: Readonly<Record<string, Interpreter>> = {
  ".sh": { commands: ["sh"], flags: [] },
  ".bash": { commands: ["bash"], flags: [] },
  ".zsh": { commands: ["zsh"], flags: [] },
  ".py": { commands: ["python3", "python"], flags: [] },
  ".js": { commands: ["node"], flags: [] },
  ".mjs": { commands: ["node"], flags: [] },
  ".cjs": { commands: ["node"], flags: [] },
  ".pl": { commands: ["perl"], flags: [] },
  ".rb": { commands: ["ruby"], flags: [] },
  ".php": { commands: ["php"], flags: [] },
  ".sql": { commands: ["psql"], flags: PSQL_FLAGS },
};

/** Interpreters that read a script from a file without a name; the others look for a file at its path. */
const TAKES_DESCRIPTOR = /^(?:bash|sh|dash|ash|zsh|perl|ruby|psql|python(?:[23](?:\.\d{1,3})?)?)$/;
const NODE = /^(?:node|nodejs)$/;
const NODE_EXTENSION = /^\.[cm]?[jt]s$/;
const SAFE_EXTENSION = /^\.[A-Za-z][A-Za-z0-9]{0,15}$/;
const SYSTEM_DIRECTORIES: readonly string[] = ["/bin", "/usr/bin", "/usr/local/bin"];
const LONGEST_TEXT = 1_024;

/** Reads `python3|python` or `psql -X -q -v ON_ERROR_STOP=1`; gives undefined for a text that names no program. */
export function findInterpreter(text: string): Interpreter | undefined {
  if (text.length > LONGEST_TEXT || /[\0\r\n]/.test(text)) return undefined;
  const [first, ...flags] = splitWords(text) ?? [];
  const commands = first?.split("|") ?? [];
  const isNamed =
    commands.length > 0 && commands.every((command) => command !== "" && !command.startsWith("-"));
  return isNamed ? { commands, flags } : undefined;
}

/** Splits at blanks as a shell does, with quotes and nothing else; undefined for a quote that is not closed. */
function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  const word = /\s*((?:[^\s"']+|"[^"]*"|'[^']*')+)/y;
  const end = text.trimEnd().length;
  while (word.lastIndex < end) {
    const match = word.exec(text);
    if (!match) return undefined;
    words.push((match[1] ?? "").replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
  }
  return words;
}

/** Gives the interpreter that a script's first line names; flags after the program are kept. */
export function findShebang(text: string): Interpreter | undefined {
  const start = text.startsWith("\uFEFF") ? 1 : 0;
  if (!text.startsWith("#!", start)) return undefined;
  const line = text.slice(start + 2, start + 2 + LONGEST_TEXT).split(/\r?\n/, 1)[0] ?? "";
  const named = findInterpreter(line.trim().replaceAll("|", " "));
  return named && unwrapPath(unwrapEnv(named));
}

/** `env` and `env -S` only look for the program; with any other option env itself starts it. */
function unwrapEnv(named: Interpreter): Interpreter {
  if (baseName(named.commands[0] ?? "") !== "env") return named;
  const [first = "", ...rest] = named.flags;
  const words =
    first === "-S" ? rest : first.startsWith("-S") ? [first.slice(2), ...rest] : named.flags;
  const [command = "", ...flags] = words;
  const isPlain = command !== "" && !command.startsWith("-") && !command.includes("=");
  return isPlain ? { commands: [command], flags } : named;
}

/** Images keep the same program in different system directories; any other path is meant as it stands. */
function unwrapPath({ commands: [command = ""], flags }: Interpreter): Interpreter {
  const base = baseName(command);
  const isSystem = SYSTEM_DIRECTORIES.includes(command.slice(0, -base.length - 1));
  return { commands: isSystem && command !== base ? [command, base] : [command], flags };
}

/** Gives the interpreter that a file's extension stands for. */
export function findByExtension(extension: string): Interpreter | undefined {
  const key = extension.toLowerCase();
  return Object.hasOwn(BY_EXTENSION, key) ? BY_EXTENSION[key] : undefined;
}

/** Tells whether this is PostgreSQL's client, which takes parameters as its own variables. */
export function isPsql({ commands }: Interpreter): boolean {
  return commands.every((command) => baseName(command) === "psql");
}

/** The shell reads our program, and finds the script's path as its second argument. */
export function toSqlScriptLaunch(sql: SqlLaunch): ScriptLaunch {
  const shell = { commands: ["sh"], flags: ["-f"], delivery: "descriptor", extension: "" } as const;
  return { ...shell, prelude: "", sql };
}

/** Says how an interpreter takes a script with this extension and these parameters. */
export function toLaunch(
  interpreter: Interpreter,
  extension: string,
  params: readonly Pick<ScriptParam, "name">[],
): ScriptLaunch {
  const { commands } = interpreter;
  const byDescriptor = commands.every((command) => TAKES_DESCRIPTOR.test(baseName(command)));
  return {
    commands,
    flags: toFlags(interpreter),
    delivery: byDescriptor ? "descriptor" : "file",
    extension: byDescriptor ? "" : toExtension(interpreter, extension),
    prelude: isPsql(interpreter) ? toPsqlPrelude(params) : "",
  };
}

function toFlags(interpreter: Interpreter): readonly string[] {
  const { flags } = interpreter;
  return isPsql(interpreter) && flags.at(-1) !== "-f" ? [...flags, "-f"] : flags;
}

function toExtension({ commands }: Interpreter, extension: string): string {
  if (commands.every((command) => NODE.test(baseName(command))))
    return NODE_EXTENSION.test(extension) ? extension : ".js";
  return SAFE_EXTENSION.test(extension) ? extension : "";
}

/**
 * psql reads the values from its environment itself, so that no value is ever part of a text that it interprets. What
 * is not set in the environment stays unset. The command came with PostgreSQL 15.
 */
function toPsqlPrelude(params: readonly Pick<ScriptParam, "name">[]): string {
  return params.map(({ name }) => `\\getenv ${name} ${name}\n`).join("");
}

function baseName(command: string): string {
  return command.slice(command.lastIndexOf("/") + 1);
}
