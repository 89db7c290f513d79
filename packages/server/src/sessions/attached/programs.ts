import { readFileSync } from "node:fs";

export const WRAPPER_PROGRAM = readProgram(new URL("wrapper.sh", import.meta.url));

/**
 * The only commands that are ever started in a container, but for direct exec where an operator allows it. The word `sh` is
 * the name under which the shell itself complains.
 */
export const WRAPPER_COMMAND: readonly string[] = [
  "/bin/sh",
  "-c",
  readProgram(new URL("boot.sh", import.meta.url)),
  "sh",
  WRAPPER_PROGRAM,
  readProgram(new URL("reaper.pl", import.meta.url)),
];
export const SWEEP_COMMAND: readonly string[] = [
  "/bin/sh",
  "-c",
  readProgram(new URL("sweep.sh", import.meta.url)),
  "sh",
];

/** Comments explain the program to us; the container does not need them. */
export function readProgram(place: URL): string {
  const text = readFileSync(place, "utf8");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
    .join("\n");
}
