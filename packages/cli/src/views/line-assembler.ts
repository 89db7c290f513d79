import { TextDecoder } from "node:util";

/** A line without an end must not fill the memory; beyond this it goes on in a further line. */
const LONGEST_LINE = 1024 * 1024;

interface Unfinished {
  readonly decoder: TextDecoder;
  pieces: string[];
  length: number;
}

/** Makes whole lines of pieces, one for each source. */
export class LineAssembler {
  readonly #sources = new Map<string, Unfinished>();

  /** Gives the lines of a source that are complete by now, without their ends. */
  push(source: string, bytes: Uint8Array): string[] {
    const unfinished = this.#open(source);
    const parts = unfinished.decoder.decode(bytes, { stream: true }).split("\n");
    const rest = parts.pop() ?? "";
    const lines = parts.map((part, index) => (index === 0 ? takeAll(unfinished) + part : part));
    keep(unfinished, rest);
    return unfinished.length < LONGEST_LINE ? lines : [...lines, takeAll(unfinished)];
  }

  /** Gives the last line of a source when it has no end. */
  end(source: string): string[] {
    const unfinished = this.#open(source);
    keep(unfinished, unfinished.decoder.decode());
    this.#sources.delete(source);
    const rest = takeAll(unfinished);
    return rest === "" ? [] : [rest];
  }

  #open(source: string): Unfinished {
    const known = this.#sources.get(source);
    if (known) return known;
    const unfinished = { decoder: new TextDecoder(), pieces: [], length: 0 };
    this.#sources.set(source, unfinished);
    return unfinished;
  }
}

function keep(unfinished: Unfinished, text: string): void {
  if (text === "") return;
  unfinished.pieces.push(text);
  unfinished.length += text.length;
}

function takeAll(unfinished: Unfinished): string {
  const text = unfinished.pieces.join("");
  unfinished.pieces = [];
  unfinished.length = 0;
  return text;
}
