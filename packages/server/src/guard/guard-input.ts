import { type ClientFrame, INPUT_WINDOW_BYTES, MAX_INPUT_BYTES } from "./frames.ts";

/** What a script's standard input still needs: sent within the guard's window, and again after a lost connection. */
export class GuardInput {
  readonly #channel: number;
  readonly #send: (frame: ClientFrame) => void;
  #waiting: Buffer[] = [];
  /** Offsets from the first byte: of what `waiting` begins with, of what was sent, and of the end so far. */
  #base = 0;
  #sent = 0;
  #end = 0;
  #closed = false;
  #endSent = false;
  #attached = false;
  #room: (() => void)[] = [];

  constructor(channel: number, send: (frame: ClientFrame) => void) {
    this.#channel = channel;
    this.#send = send;
  }

  push(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#waiting.push(Buffer.from(bytes));
    this.#end += bytes.length;
    this.#pump();
  }

  close(): void {
    this.#closed = true;
    this.#pump();
  }

  /** Resolves when less than a window waits. */
  async ready(): Promise<void> {
    if (this.#end - this.#base < INPUT_WINDOW_BYTES) return;
    await new Promise<void>((resolve) => this.#room.push(resolve));
  }

  /** The guard is there (again) and has this much. */
  attach(offset: number): void {
    this.#attached = true;
    this.#sent = Math.max(offset, this.#base);
    this.#endSent = false;
    this.#pump();
  }

  detach(): void {
    this.#attached = false;
  }

  /** The script has taken what is before the offset. */
  acknowledge(offset: number): void {
    while (this.#waiting[0] && this.#base + this.#waiting[0].length <= offset)
      this.#base += this.#waiting.shift()?.length ?? 0;
    const into = offset - this.#base;
    if (this.#waiting[0] && into > 0) {
      this.#waiting[0] = this.#waiting[0].subarray(into);
      this.#base = offset;
    }
    if (this.#end - this.#base < INPUT_WINDOW_BYTES)
      for (const wake of this.#room.splice(0)) wake();
    this.#pump();
  }

  #pump(): void {
    if (!this.#attached) return;
    while (this.#sent < Math.min(this.#end, this.#base + INPUT_WINDOW_BYTES)) {
      const bytes = this.#pieceAt(this.#sent);
      this.#send({ type: "in", channel: this.#channel, offset: this.#sent, bytes });
      this.#sent += bytes.length;
    }
    if (!this.#closed || this.#endSent || this.#sent < this.#end) return;
    this.#endSent = true;
    this.#send({ type: "in-eof", channel: this.#channel, offset: this.#end });
  }

  #pieceAt(offset: number): Buffer {
    let from = this.#base;
    for (const piece of this.#waiting) {
      if (offset < from + piece.length) {
        const most = Math.min(MAX_INPUT_BYTES, this.#base + INPUT_WINDOW_BYTES - offset);
        return piece.subarray(offset - from, offset - from + most);
      }
      from += piece.length;
    }
    throw new RangeError("nothing is there to be sent");
  }
}
