import type { ExecutionSpec } from "../session.ts";

/** The kernel takes no string of 128 KiB or more; UTF-8 makes three bytes of a character at most here. */
const PIECE_CHARACTERS = 32 * 1024;
const MOST_STRING_BYTES = 128 * 1024 - 1;
/** A quarter of the usual stack limit of 8 MiB, less what the container's own environment may need. */
const MOST_BYTES = 2 * 1024 * 1024 - 128 * 1024;

/** Everything the wrapper gets to know, as environment. */
export function toEnvironment(
  spec: ExecutionSpec,
  nonce: string,
): Readonly<Record<string, string>> {
  return {
    ...spec.env,
    DECKHAND_EXECUTION_ID: spec.executionId,
    DECKHAND_RUN_ID: spec.runId,
    DECKHAND_NONCE: nonce,
    DECKHAND_STDIN_BYTES: spec.stdin === undefined ? "" : `${spec.stdin.length}`,
    ...toProgram(spec),
  };
}

function toProgram({ program, args }: ExecutionSpec): Readonly<Record<string, string>> {
  if (program.kind === "argv") {
    return {
      DECKHAND_SCRIPT_COUNT: "0",
      ...numbered("ARG", [...program.argv, ...args]),
      ...numbered("PRELUDE", []),
    };
  }
  const { commands, flags, delivery, extension, prelude } = program.launch;
  return {
    ...numbered("SCRIPT", toPieces(program.text)),
    ...numbered("PRELUDE", prelude === "" ? [] : toPieces(prelude)),
    ...numbered("COMMAND", commands),
    ...numbered("FLAG", flags),
    ...numbered("ARG", args),
    DECKHAND_DELIVERY: delivery,
    DECKHAND_EXTENSION: extension,
  };
}

function numbered(name: string, values: readonly string[]): Record<string, string> {
  const entries = values.map((value, index) => [`DECKHAND_${name}_${index}`, value]);
  return { ...Object.fromEntries(entries), [`DECKHAND_${name}_COUNT`]: `${values.length}` };
}

/** Cuts between characters, never within a surrogate pair. */
export function toPieces(text: string): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length || pieces.length === 0; ) {
    let until = Math.min(text.length, from + PIECE_CHARACTERS);
    if (until < text.length && isLeadSurrogate(text.charCodeAt(until - 1))) until -= 1;
    pieces.push(text.slice(from, until));
    from = until;
    if (text.length === 0) break;
  }
  return pieces;
}

function isLeadSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Says what is too large for any kernel; a container may allow less. */
export function findTooLarge(env: Readonly<Record<string, string>>): string | undefined {
  let total = 0;
  for (const [name, value] of Object.entries(env)) {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
    if (bytes > MOST_STRING_BYTES)
      return `${name} has ${bytes} bytes; the kernel takes ${MOST_STRING_BYTES}.`;
    total += bytes + 8;
  }
  if (total <= MOST_BYTES) return undefined;
  return `Script, parameters and variables have ${total} bytes together; a container takes about ${MOST_BYTES}.`;
}
