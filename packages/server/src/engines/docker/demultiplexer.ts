import type { ExecChunk } from "../engine.ts";

const HEADER_BYTES = 8;
const STREAM_BY_TYPE = { 0: "stdout", 1: "stdout", 2: "stderr" } as const;

/** Takes the engine's stream apart: eight bytes of header (type, length), then the payload, in pieces of any size. */
export class Demultiplexer {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #left = 0;
  #stream: ExecChunk["stream"] = "stdout";

  /**
   * Gives the payloads in the bytes so far; throws when they are no such stream. Engines send small frames, so payloads of
   * one stream are moved together inside the bytes: those must be nobody else's.
   */
  push(bytes: Buffer): ExecChunk[] {
    const chunks: ExecChunk[] = [];
    let from = 0;
    let end = 0;
    for (let at = 0; at < bytes.length; ) {
      if (this.#left === 0) {
        const before = this.#stream;
        at += this.#takeHeader(bytes, at);
        if (this.#stream === before) continue;
        if (end > from) chunks.push({ stream: before, bytes: bytes.subarray(from, end) });
        from = end = at;
        continue;
      }
      const payloadEnd = Math.min(bytes.length, at + this.#left);
      if (end === from) from = end = at;
      else if (end < at) bytes.copyWithin(end, at, payloadEnd);
      end += payloadEnd - at;
      this.#left -= payloadEnd - at;
      at = payloadEnd;
    }
    if (end > from) chunks.push({ stream: this.#stream, bytes: bytes.subarray(from, end) });
    return chunks;
  }

  /** Gives how many bytes belonged to the header. */
  #takeHeader(bytes: Buffer, at: number): number {
    const taken = bytes.copy(this.#header, this.#headerBytes, at);
    this.#headerBytes += taken;
    if (this.#headerBytes === HEADER_BYTES) this.#readHeader();
    return taken;
  }

  #readHeader(): void {
    const header = this.#header;
    this.#headerBytes = 0;
    const stream = STREAM_BY_TYPE[header[0] as keyof typeof STREAM_BY_TYPE];
    if (!stream || header[1] !== 0 || header[2] !== 0 || header[3] !== 0)
      throw new Error(`not a frame of the engine's stream: ${header.toString("hex")}`);
    this.#stream = stream;
    this.#left = header.readUInt32BE(4);
  }
}
