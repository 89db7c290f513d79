import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";

type Terminal = Pick<Surroundings, "stdin" | "stderr">;

/** Whether somebody sits there who can answer; what was read to its end brings no answer any more. */
export function canAsk({ stdin, stderr }: Terminal): boolean {
  return Boolean(stdin.isTTY && stderr.isTTY) && !stdin.readableEnded;
}

/** Asks on stderr, so that stdout holds output only; what is secret is not shown while it is typed. */
export async function ask(
  { stdin, stderr }: Terminal,
  question: string,
  { isSecret = false }: { readonly isSecret?: boolean } = {},
): Promise<string> {
  const silent = new Writable({ write: (_bytes, _encoding, done) => done() });
  const lines = createInterface({
    input: stdin,
    output: isSecret ? silent : stderr,
    terminal: true,
  });
  const leave = () => process.exit(EXIT.interrupted);
  lines.once("SIGINT", leave).once("close", leave);
  if (isSecret) stderr.write(question);
  try {
    return await lines.question(isSecret ? "" : question);
  } finally {
    lines.off("close", leave).close();
    if (isSecret) stderr.write("\n");
  }
}
