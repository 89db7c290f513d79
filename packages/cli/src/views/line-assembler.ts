import { TextDecoder } from "node:util";

/** Makes whole lines of pieces, one for each source. */
export class LineAssembler {
  readonly #decoders = new Map<string, TextDecoder>();
  readonly #rests = new Map<string, string>();

  /** Gives the lines of a source that are complete by now, without their ends. */
  push(source: string, bytes: Uint8Array): string[] {
    const decoder = this.#decoders.get(source) ?? new TextDecoder();
    this.#decoders.set(source, decoder);
    const lines = ((this.#rests.get(source) ?? "") + decoder.decode(bytes, { stream: true })).split(
      "\n",
    );
    this.#rests.set(source, lines.pop() ?? "");
    return lines;
  }

  /** Gives the last line of a source when it has no end. */
  end(source: string): string[] {
    const rest = (this.#rests.get(source) ?? "") + (this.#decoders.get(source)?.decode() ?? "");
    this.#rests.delete(source);
    return rest === "" ? [] : [rest];
  }
}
