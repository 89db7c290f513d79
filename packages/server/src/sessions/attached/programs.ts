import { readFileSync } from "node:fs";

/** The only commands that are ever started in a container, but for direct exec where an operator allows it. */
export const WRAPPER_COMMAND: readonly string[] = [
  "/bin/sh",
  "-c",
  readProgram("wrapper.sh"),
  "deckhand",
];
export const SWEEP_COMMAND: readonly string[] = [
  "/bin/sh",
  "-c",
  readProgram("sweep.sh"),
  "deckhand-sweep",
];

/** Comments explain the program to us; the container does not need them. */
function readProgram(name: string): string {
  const text = readFileSync(new URL(name, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
    .join("\n");
}
