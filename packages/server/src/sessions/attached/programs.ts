import { readFileSync } from "node:fs";

/**
 * The only commands that are ever started in a container, but for direct exec where an operator allows it. The word `sh` is
 * the name under which the shell itself complains.
 */
export const WRAPPER_COMMAND: readonly string[] = [
  "/bin/sh",
  "-c",
  readProgram("boot.sh"),
  "sh",
  readProgram("wrapper.sh"),
  readProgram("reaper.pl"),
];
export const SWEEP_COMMAND: readonly string[] = ["/bin/sh", "-c", readProgram("sweep.sh"), "sh"];

/** Comments explain the program to us; the container does not need them. */
function readProgram(name: string): string {
  const text = readFileSync(new URL(name, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
    .join("\n");
}
