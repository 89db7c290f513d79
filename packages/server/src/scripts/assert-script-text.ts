import { Buffer } from "node:buffer";
import { AppError, parseScriptHeader } from "@deckhand/core";

/** Refuses a text that could never be run from a library: too long, not text, or with nothing that says what starts it. */
export function assertScriptText(
  text: string,
  { path, scriptBytes }: { path: string; scriptBytes: number },
): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > scriptBytes) {
    throw new AppError("LIMIT_EXCEEDED", {
      detail: `The script has ${bytes} bytes; the limit is ${scriptBytes}.`,
      errors: [{ pointer: "/text", detail: `has ${bytes} bytes; the limit is ${scriptBytes}` }],
    });
  }
  const problem = findTextProblem(text);
  if (problem !== undefined) {
    throw new AppError("SCRIPT_INVALID", {
      detail: `The script ${problem}.`,
      errors: [{ pointer: "/text", detail: problem }],
    });
  }
  if (parseScriptHeader(text, path).header.interpreter !== null) return;
  throw new AppError("INTERPRETER_UNKNOWN", {
    detail: `Nothing says what starts ${path}: it has no @interpreter, no #! line and no known extension.`,
    hint: "Begin it with a line such as #!/usr/bin/env bash.",
    errors: [{ pointer: "/text", detail: "does not say what starts it" }],
  });
}

function findTextProblem(text: string): string | undefined {
  if (text.includes("\0")) return "holds a NUL character";
  return text.isWellFormed() ? undefined : "holds half a character (a lone surrogate)";
}
