import { AppError } from "../errors.ts";

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const EXTENSION = /\.[A-Za-z][A-Za-z0-9]{0,15}$/;
const LONGEST_PATH = 255;
const MOST_SEGMENTS = 8;

/** Where a script lies in a library, and what it is called. */
export interface ScriptPath {
  /** The path without the extension: `db/vacuum`. */
  readonly name: string;
  /** `db/vacuum.sh` */
  readonly path: string;
  /** With the dot; `""` for none. */
  readonly extension: string;
}

/** Reads a script's path or name; throws SCRIPT_NAME_INVALID for whatever could lie outside a library. */
export function parseScriptPath(path: string): ScriptPath {
  const problem = findPathProblem(path);
  if (problem !== undefined) {
    throw new AppError("SCRIPT_NAME_INVALID", {
      detail: `"${path.slice(0, LONGEST_PATH)}" is no script name: ${problem}.`,
      hint: "Write folders and a file of letters, digits, . _ and -, for example db/vacuum.sh.",
    });
  }
  return splitPath(path);
}

/** Reads a script's path or name; gives undefined for what is none. */
export function findScriptPath(path: string): ScriptPath | undefined {
  return findPathProblem(path) === undefined ? splitPath(path) : undefined;
}

function splitPath(path: string): ScriptPath {
  const extension = findExtension(path);
  return { name: path.slice(0, path.length - extension.length), path, extension };
}

function findPathProblem(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (path.length > LONGEST_PATH) return `it has more than ${LONGEST_PATH} characters`;
  const segments = path.split("/");
  if (segments.length > MOST_SEGMENTS) return `it has more than ${MOST_SEGMENTS} parts`;
  return segments.map(findSegmentProblem).find((problem) => problem !== undefined);
}

function findSegmentProblem(segment: string): string | undefined {
  if (segment === "") return "a part of it is empty";
  if (segment.startsWith(".")) return "a part of it starts with a dot";
  return SEGMENT.test(segment)
    ? undefined
    : "a part of it holds a character that is not allowed, or starts with -";
}

/** Gives the extension of any file name, with the dot; `""` for none. */
export function findExtension(path: string): string {
  const fileName = path.slice(path.lastIndexOf("/") + 1);
  const extension = EXTENSION.exec(fileName)?.[0] ?? "";
  return extension.length === fileName.length ? "" : extension;
}
