const KEPT_LINES = 2;

/** Remembers the last lines that each execution wrote. */
export class Tails {
  readonly #lines = new Map<string, string[]>();

  push(executionId: string, line: string): void {
    if (line.trim() === "") return;
    const lines = this.#lines.get(executionId) ?? [];
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    this.#lines.set(executionId, lines);
  }

  last(executionId: string): string {
    return this.#lines.get(executionId)?.at(-1) ?? "";
  }

  all(): ReadonlyMap<string, readonly string[]> {
    return this.#lines;
  }
}
