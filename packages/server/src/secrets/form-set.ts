/** What begins at a place of a text. */
export interface Found {
  /** The length of the longest form that is there; 0 when none is. */
  readonly length: number;
  /** Whether the text ends before it is clear that no longer one is there. */
  readonly isOpen: boolean;
}

const NOTHING: Found = { length: 0, isOpen: false };

/** Byte sequences to be found in a text, at a cost that does not grow with their number. */
export class FormSet {
  /** In the order of their bytes, so that those with a common beginning are neighbours. */
  readonly #sorted: readonly Uint8Array[];
  readonly #firstPairs = new Uint8Array(65_536);
  readonly #firsts = new Uint8Array(256);

  constructor(forms: readonly Uint8Array[]) {
    const sorted = [...forms].sort((one, other) => Buffer.compare(one, other));
    this.#sorted = sorted.filter(
      (form, index) => index === 0 || Buffer.compare(form, sorted[index - 1] ?? form) !== 0,
    );
    for (const [first = 0, second = 0] of forms) {
      this.#firsts[first] = 1;
      this.#firstPairs[(first << 8) | second] = 1;
    }
  }

  /** The next place where a form of two bytes or more may begin; the text's length when there is none. */
  nextCandidate(text: Uint8Array, from: number): number {
    let pair = byteAt(text, from);
    for (let at = from + 1; at < text.length; at++) {
      pair = ((pair << 8) | byteAt(text, at)) & 0xffff;
      if (this.#firstPairs[pair]) return at - 1;
    }
    const last = text.length - 1;
    return from <= last && this.#firsts[byteAt(text, last)] ? last : text.length;
  }

  /** Narrows down, byte by byte, which forms can be at this place. */
  find(text: Uint8Array, from: number): Found {
    let [low, high, length] = [0, this.#sorted.length, 0];
    for (let depth = 0; from + depth < text.length; depth++) {
      const byte = byteAt(text, from + depth);
      low = this.#bound(byte, depth, [low, high]);
      high = this.#bound(byte + 1, depth, [low, high]);
      if (this.#sorted[low]?.length === depth + 1 && low < high) {
        length = depth + 1;
        low++;
      }
      if (low === high) return length === 0 ? NOTHING : { length, isOpen: false };
    }
    return { length, isOpen: true };
  }

  /** All forms in the range share what is before `depth`; the first one whose byte there is not below. */
  #bound(byte: number, depth: number, [from, to]: readonly [number, number]): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (byteAt(this.#sorted[middle] ?? EMPTY, depth) < byte) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const EMPTY = new Uint8Array();

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
