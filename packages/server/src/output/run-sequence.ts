/**
 * Numbers the frames of one run over all its executions, and knows up to which number everything is on the disk:
 * the frames of several executions are written side by side, and a reader must not see 6 before 5.
 */
export class RunSequence {
  #last: number;
  readonly #oldestPending = new Map<object, number>();

  constructor(last: number) {
    this.#last = last;
  }

  /** Takes the next number for a writer; it counts as pending until `flushed`. */
  take(writer: object): number {
    this.#last += 1;
    if (!this.#oldestPending.has(writer)) this.#oldestPending.set(writer, this.#last);
    return this.#last;
  }

  /** Says that the writer has written all its frames. */
  flushed(writer: object): void {
    this.#oldestPending.delete(writer);
  }

  /** Every frame with this number or a lower one can be read. */
  get readableUpTo(): number {
    let oldest = this.#last + 1;
    for (const seq of this.#oldestPending.values()) oldest = Math.min(oldest, seq);
    return oldest - 1;
  }
}
