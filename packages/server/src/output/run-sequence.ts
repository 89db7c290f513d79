/**
 * Numbers the frames of one run over all its executions, and knows up to which number everything is on the disk:
 * the frames of several executions are written side by side, and a reader must not see 6 before 5.
 */
export class RunSequence {
  #last: number;
  readonly #oldestPending = new Map<object, number>();
  /** Writers whose frames a transaction writes down. */
  readonly #committing = new Map<object, PromiseWithResolvers<void>>();

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
    this.#committing.get(writer)?.resolve();
    this.#committing.delete(writer);
  }

  /** The writer's frames come into the database together with an end, and are `flushed` right after that. */
  commits(writer: object): void {
    this.#committing.set(writer, Promise.withResolvers());
  }

  /** Whoever sees an end in the database, and waits for this, can read all that was written before it. */
  async committed(): Promise<void> {
    for (const { promise } of this.#committing.values()) await promise;
  }

  /** Every frame with this number or a lower one can be read. */
  get readableUpTo(): number {
    let oldest = this.#last + 1;
    for (const seq of this.#oldestPending.values()) oldest = Math.min(oldest, seq);
    return oldest - 1;
  }
}
