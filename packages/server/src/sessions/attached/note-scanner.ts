import type { OutputStream } from "../../engines/engine.ts";

const NEWLINE = 0x0a;

/** What our shell program says in-band, and what is the script's, in their order. */
export type Scanned =
  | { readonly kind: "output"; readonly bytes: Buffer }
  | { readonly kind: "note"; readonly note: string };

/**
 * Takes our program's notes out of a stream: a control character, a word, a number that only we know, the note, a newline.
 * Everything else passes untouched, whatever the pieces it comes in.
 */
export class NoteScanner {
  readonly #mark: Buffer;
  #held = Buffer.alloc(0);

  constructor(nonce: string) {
    this.#mark = Buffer.from(`\u001edeckhand ${nonce} `);
  }

  push(bytes: Buffer): Scanned[] {
    const scanned: Scanned[] = [];
    let rest = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const from = rest.indexOf(this.#mark);
      const until = from < 0 ? -1 : rest.indexOf(NEWLINE, from);
      if (from < 0 || until < 0) break;
      if (from > 0) scanned.push({ kind: "output", bytes: rest.subarray(0, from) });
      scanned.push({
        kind: "note",
        note: rest.subarray(from + this.#mark.length, until).toString(),
      });
      rest = rest.subarray(until + 1);
    }
    const passed = rest.length - this.#possibleNote(rest);
    if (passed > 0) scanned.push({ kind: "output", bytes: rest.subarray(0, passed) });
    this.#held = Buffer.from(rest.subarray(passed));
    return scanned;
  }

  /** What was held back for a note that never came is the script's. */
  end(): Buffer {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held;
  }

  /** How many bytes at the end are, or may become, the beginning of a note. */
  #possibleNote(bytes: Buffer): number {
    const from = bytes.indexOf(this.#mark);
    if (from >= 0) return bytes.length - from;
    for (let length = Math.min(this.#mark.length - 1, bytes.length); length > 0; length--) {
      if (bytes.subarray(bytes.length - length).equals(this.#mark.subarray(0, length)))
        return length;
    }
    return 0;
  }
}

/** One scanner for each stream. */
export function noteScanners(nonce: string): Readonly<Record<OutputStream, NoteScanner>> {
  return { stdout: new NoteScanner(nonce), stderr: new NoteScanner(nonce) };
}
