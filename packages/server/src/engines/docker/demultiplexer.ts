import type { ExecChunk } from "../engine.ts";

const HEADER_BYTES = 8;
const STREAM_BY_TYPE = { 0: "stdout", 1: "stdout", 2: "stderr" } as const;

/** Takes the engine's stream apart: eight bytes of header (type, length), then the payload, in pieces of any size. */
export class Demultiplexer {
  #rest = Buffer.alloc(0);
  #left = 0;
  #stream: ExecChunk["stream"] = "stdout";

  /** Gives the payloads in the bytes so far; throws when they are no such stream. */
  push(bytes: Buffer): ExecChunk[] {
    const chunks: ExecChunk[] = [];
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length > 0) {
      if (this.#left === 0) {
        if (rest.length < HEADER_BYTES) break;
        this.#readHeader(rest);
        rest = rest.subarray(HEADER_BYTES);
        continue;
      }
      const payload = rest.subarray(0, this.#left);
      chunks.push({ stream: this.#stream, bytes: payload });
      this.#left -= payload.length;
      rest = rest.subarray(payload.length);
    }
    this.#rest = this.#left === 0 ? Buffer.from(rest) : Buffer.alloc(0);
    return chunks;
  }

  #readHeader(bytes: Buffer): void {
    const stream = STREAM_BY_TYPE[bytes[0] as keyof typeof STREAM_BY_TYPE];
    if (!stream || bytes[1] !== 0 || bytes[2] !== 0 || bytes[3] !== 0) {
      throw new Error(
        `not a frame of the engine's stream: ${bytes.subarray(0, HEADER_BYTES).toString("hex")}`,
      );
    }
    this.#stream = stream;
    this.#left = bytes.readUInt32BE(4);
  }
}
