import type { Program } from "../sessions/session.ts";

/** Becomes the first shell that the container has, so that nothing is between it and the terminal. */
const FIRST_SHELL =
  'for shell in bash zsh ash; do command -v "$shell" >/dev/null 2>&1 && exec "$shell"; done; exec sh';

/** What a terminal runs; without a command line the container's best shell. */
export function toProgram(argv: readonly string[] | undefined): Program {
  return { kind: "argv", argv: argv ?? ["sh", "-c", FIRST_SHELL] };
}
