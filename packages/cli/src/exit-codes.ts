import type { Execution, Run } from "@deckhand/core";

/** Codes of our own faults, as sysexits.h has them, and those that docker and timeout use. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  conflict: 65,
  notFound: 66,
  unavailable: 69,
  internal: 70,
  limited: 75,
  denied: 77,
  timedOut: 124,
  notStarted: 125,
  notFoundInContainer: 127,
  interrupted: 130,
} as const;

const BY_STATUS: Readonly<Record<number, number>> = {
  400: EXIT.usage,
  401: EXIT.denied,
  403: EXIT.denied,
  404: EXIT.notFound,
  405: EXIT.usage,
  409: EXIT.conflict,
  413: EXIT.usage,
  415: EXIT.usage,
  422: EXIT.usage,
  429: EXIT.limited,
  500: EXIT.internal,
  503: EXIT.unavailable,
};

/** What a refusal of the server exits with. */
export function exitCodeOfProblem({
  status,
  code,
}: {
  readonly status: number;
  readonly code: string;
}): number {
  if (code === "NO_TARGET_MATCHED") return EXIT.notFound;
  return BY_STATUS[status] ?? EXIT.internal;
}

/** One execution passes its script's code on; several give 0 or 1. */
export function exitCodeOfRun(run: Pick<Run, "state" | "executions">): number {
  const [only, ...others] = toLastAttempts(run);
  if (only && others.length === 0) return exitCodeOfExecution(only);
  return run.state === "succeeded" ? EXIT.ok : EXIT.failed;
}

/** What counts: an attempt that was tried again does not. */
function toLastAttempts({ executions }: Pick<Run, "executions">): readonly Execution[] {
  return executions.filter(({ retriedBy }) => !retriedBy);
}

/** The highest code of all executions, for `--exit max`. */
export function highestExitCode(run: Pick<Run, "executions">): number {
  return Math.max(EXIT.ok, ...toLastAttempts(run).map(exitCodeOfExecution));
}

function exitCodeOfExecution({
  state,
  exitCode,
  reason,
}: Pick<Execution, "state" | "exitCode" | "reason">): number {
  if (state === "succeeded") return EXIT.ok;
  if (state === "timed-out") return EXIT.timedOut;
  if (state === "cancelled") return EXIT.interrupted;
  if (reason?.code === "interpreter-missing") return EXIT.notFoundInContainer;
  if (state === "failed") return exitCode ?? EXIT.failed;
  return EXIT.notStarted;
}

export const EXIT_CODES_HELP = `Exit codes of deckhand

  0            everything succeeded
  script's     one target: the script's own code is passed on; 128 + n when signal n ended it
  1            several targets, and at least one did not succeed (--exit max: the highest code instead)
  64           wrong usage, or a request the server does not accept
  65           in conflict with the present state (somebody else changed it, already ended)
  66           not found, or no target matched
  69           the server or the engine does not answer
  70           an internal error
  75           a limit is reached; try again later
  77           not allowed, or no valid token
  124          the script ran longer than its timeout
  125          the script was not started, or is lost
  127          the container does not have the interpreter
  130          cancelled, or interrupted here

A script may itself end with any of these. Who must tell them apart reads -o json (state, reason, exitCode);
our own lines on stderr begin with "deckhand:".
`;
