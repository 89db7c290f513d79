import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { ConfigError } from "./config-error.ts";

/** A configuration file: what it says, and where it says it. */
export interface ConfigFile {
  readonly values: unknown;
  /** `file:line:column` of a key, or of the nearest one around it. */
  placeOf(path: readonly PropertyKey[]): string;
}

export function readConfigFile(path: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [broken] = document.errors;
  if (broken) throw new ConfigError(`${place(broken.pos[0])}: ${broken.message.split("\n", 1)[0]}`);
  return {
    values: document.toJS() ?? {},
    placeOf: (keys) => place(nearestOffset(document, keys)),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(
      `The configuration file ${path} can not be read: ${(error as Error).message}`,
    );
  }
}

interface Positioned {
  readonly range?: readonly number[] | null;
}

function nearestOffset(
  document: ReturnType<typeof parseDocument>,
  keys: readonly PropertyKey[],
): number {
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true) as Positioned | undefined;
    const offset = node?.range?.[0];
    if (offset !== undefined) return offset;
  }
  return 0;
}
