/** A longer line is cut; it still counts as one. */
export const LONGEST_LINE = 2_000;

/** Colours and other sequences for terminals. */
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
const CONTROLS = /[\u0000-\u001f\u007f]/g;

/** Takes pieces of bytes and gives lines of text that are harmless to show; at most so many bytes of them. */
export class LineSplitter {
  readonly lines: string[] = [];
  readonly #decoder = new TextDecoder();
  #rest = "";
  #room: number;

  constructor(mostBytes: number) {
    this.#room = mostBytes;
  }

  get isFull(): boolean {
    return this.#room <= 0;
  }

  add(bytes: Buffer): void {
    const taken = bytes.subarray(0, this.#room);
    this.#room -= taken.length;
    this.#take(this.#decoder.decode(taken, { stream: true }));
  }

  end(): readonly string[] {
    this.#take(this.#decoder.decode());
    if (this.#rest !== "") this.lines.push(toHarmless(this.#rest));
    this.#rest = "";
    return this.lines;
  }

  #take(text: string): void {
    const [first = "", ...more] = text.split("\n");
    this.#rest += first;
    for (const line of more) {
      this.lines.push(toHarmless(this.#rest));
      this.#rest = line;
    }
  }
}

function toHarmless(line: string): string {
  return line.replaceAll(SEQUENCES, "").replaceAll(CONTROLS, " ").slice(0, LONGEST_LINE).trimEnd();
}
