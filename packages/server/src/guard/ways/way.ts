import { readFileSync } from "node:fs";
import type { Engine } from "../../engines/engine.ts";
import type { GuardProgram } from "../guard-program.ts";

/** A way to bring the guard into a container. Both throw WayImpossible when they do not work there. */
export interface Way {
  readonly name: "shell" | "python" | "perl" | "archive" | "sidecar";
  /** How the guard is started where it is there already, or comes through the bridge's standard input. */
  readonly find?: (place: WayPlace) => Promise<Entrance>;
  /** Brings it in by the engine's help. */
  readonly bring?: (place: WayPlace) => Promise<Entrance>;
}

/** What starts the guard in one container. */
export interface Entrance {
  /** Becomes the bridge; may take the guard from standard input first. */
  readonly bridgeCommand: readonly string[];
  /** Starts the guard; what came through standard input is named by `DECKHAND_GUARD_PATH`. */
  readonly daemonCommand: readonly string[];
  /** Where the guard's program lies, unless the bridge says it. */
  readonly path?: string;
  /** Takes away what is not needed once the guard has answered, or has not. Never throws. */
  readonly leave?: () => void;
}

export interface WayPlace {
  readonly engine: Engine;
  readonly containerId: string;
  /** `""` is the container's own user. */
  readonly user: string;
  readonly program: GuardProgram;
  readonly address: { readonly name: string };
  readonly signal: AbortSignal;
}

/** What needs nobody's leave, in the order in which it is tried: a file stays for the next time, a program in memory does not. */
export const WAYS: readonly Way[] = [
  interpreterWay("shell", {
    bridgeCommand: ["/bin/sh", "-c", readProgram("shell-bootstrap.sh"), "sh"],
    daemonCommand: ["/bin/sh", "-c", 'exec "$DECKHAND_GUARD_PATH" daemon', "sh"],
  }),
  interpreterWay("python", {
    bridgeCommand: ["python3", "-c", readProgram("python-bootstrap.py")],
    daemonCommand: [
      "python3",
      "-c",
      'import os; os.execv(os.environ["DECKHAND_GUARD_PATH"], ["deckhand-guard", "daemon"])',
    ],
  }),
  interpreterWay("perl", {
    bridgeCommand: ["perl", "-e", readProgram("perl-bootstrap.pl")],
    daemonCommand: ["perl", "-e", 'exec { $ENV{DECKHAND_GUARD_PATH} } "deckhand-guard", "daemon"'],
  }),
];

function interpreterWay(name: Way["name"], entrance: Entrance): Way {
  return { name, find: async () => entrance };
}

/** Comments explain the program to us; the container does not need them. */
export function readProgram(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
    .join("\n");
}
