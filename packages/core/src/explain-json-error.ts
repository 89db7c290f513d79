/** Says what is wrong with a JSON text; the piece of the text that the parser quotes may be a secret, and is left out. */
export function explainJsonError(error: unknown): string {
  return (error as Error).message.replace(/, (?:\.{3})?".*$/s, "");
}
