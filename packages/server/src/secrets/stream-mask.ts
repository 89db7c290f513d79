import type { FormSet } from "./form-set.ts";

const STAR = 0x2a;
/** So much of an unfinished form is taken for the form; less is common text. */
const TELLING_BYTES = 4;

export interface StreamMaskOptions {
  readonly forms: FormSet;
  /** Hidden where the stream begins and nowhere else: the ends of forms that began before. */
  readonly atStart?: FormSet | undefined;
}

/** Hides forms in a stream that comes in pieces. What comes out is as long as what went in. */
export class StreamMask {
  readonly #options: StreamMaskOptions;
  /** From the first byte that is not decided. */
  #held: Uint8Array = new Uint8Array();
  /** How much of it came out already, because its rest did not come in time. */
  #given = 0;
  /** Up to where in it a form reaches that began before. */
  #hiddenUpTo = 0;
  #isAtStart = true;

  constructor(options: StreamMaskOptions) {
    this.#options = options;
  }

  get isHolding(): boolean {
    return this.#held.length > this.#given;
  }

  /** Gives what is decided by now; only what may be the beginning of a form is held back. */
  take(bytes: Uint8Array): Uint8Array {
    const text = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const masked = new Masked(text, this.#hiddenUpTo);
    const decided = this.#decide(masked);
    const out = masked.bytes.subarray(Math.min(this.#given, decided), decided);
    this.#held = Buffer.from(text.subarray(decided));
    this.#given = Math.max(0, this.#given - decided);
    this.#hiddenUpTo = Math.max(0, masked.hiddenUpTo - decided);
    this.#isAtStart &&= decided === 0;
    return out;
  }

  /** Gives what is held back, because nothing more comes, or not for long. */
  release(): Uint8Array {
    const masked = new Masked(this.#held, this.#hiddenUpTo);
    // Behind what is hidden already, any beginning of the rest tells.
    const isRest = this.#isAtStart && this.#options.atStart?.find(this.#held, 0).isOpen;
    if (isRest || this.#held.length >= TELLING_BYTES) masked.hide(0, this.#held.length);
    const out = masked.bytes.subarray(this.#given);
    this.#given = this.#held.length;
    this.#hiddenUpTo = masked.hiddenUpTo;
    return out;
  }

  /** Hides every form that is whole; gives where the first one begins that may not be. */
  #decide(masked: Masked): number {
    const { forms, atStart } = this.#options;
    const { text } = masked;
    if (this.#isAtStart && atStart && text.length > 0) {
      const { length, isOpen } = atStart.find(text, 0);
      if (isOpen) return 0;
      masked.hide(0, length);
    }
    let at = forms.nextCandidate(text, 0);
    for (; at < text.length; at = forms.nextCandidate(text, at + 1)) {
      const { length, isOpen } = forms.find(text, at);
      if (isOpen) return at;
      masked.hide(at, at + length);
    }
    return text.length;
  }
}

/** A text with places hidden, copied only where there are any. */
class Masked {
  readonly text: Uint8Array;
  bytes: Uint8Array;
  hiddenUpTo: number;

  constructor(text: Uint8Array, hiddenUpTo: number) {
    this.text = text;
    this.bytes = text;
    this.hiddenUpTo = 0;
    this.hide(0, hiddenUpTo);
  }

  /** May reach beyond the text: what comes there is hidden too. */
  hide(from: number, to: number): void {
    if (to <= this.hiddenUpTo) return;
    if (this.bytes === this.text) this.bytes = Buffer.from(this.text);
    this.bytes.fill(STAR, Math.max(from, this.hiddenUpTo), to);
    this.hiddenUpTo = to;
  }
}
