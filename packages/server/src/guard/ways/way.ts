import { readFileSync } from "node:fs";

/**
 * A way to bring the guard into a container. Its bridge command finds the guard there or takes it from standard input,
 * and becomes the bridge; its daemon command starts what `DECKHAND_GUARD_PATH` names.
 */
export interface Way {
  readonly name: "shell" | "python" | "perl";
  readonly bridgeCommand: readonly string[];
  readonly daemonCommand: readonly string[];
}

/** In the order in which they are tried: a file stays for the next time, a program in memory has to come again. */
export const WAYS: readonly Way[] = [
  {
    name: "shell",
    bridgeCommand: ["/bin/sh", "-c", readProgram("shell-bootstrap.sh"), "sh"],
    daemonCommand: ["/bin/sh", "-c", 'exec "$DECKHAND_GUARD_PATH" daemon', "sh"],
  },
  {
    name: "python",
    bridgeCommand: ["python3", "-c", readProgram("python-bootstrap.py")],
    daemonCommand: [
      "python3",
      "-c",
      'import os; os.execv(os.environ["DECKHAND_GUARD_PATH"], ["deckhand-guard", "daemon"])',
    ],
  },
  {
    name: "perl",
    bridgeCommand: ["perl", "-e", readProgram("perl-bootstrap.pl")],
    daemonCommand: ["perl", "-e", 'exec { $ENV{DECKHAND_GUARD_PATH} } "deckhand-guard", "daemon"'],
  },
];

/** Comments explain the program to us; the container does not need them. */
function readProgram(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
    .join("\n");
}
