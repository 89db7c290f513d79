import type { OutputStream } from "../engines/engine.ts";
import { HEADER_BYTES, MAX_PAYLOAD_BYTES, sealFrame } from "./frame-codec.ts";
import { incompleteTailBytes } from "./utf8-boundary.ts";

/** Less room than this is not worth a frame. */
const SMALLEST_ROOM_BYTES = HEADER_BYTES + 64;

interface Piece {
  readonly stream: OutputStream;
  readonly atMs: number;
  readonly bytes: Buffer;
}

/** Output in the order in which it came, that waits to be put into frames: one frame for pieces that touch. */
export class PendingOutput {
  #pieces: Piece[] = [];
  /** What is before this is in a frame already. */
  #next = 0;
  readonly #bytes: Record<OutputStream, number> = { stdout: 0, stderr: 0 };

  /** What waits of each stream. */
  get bytes(): Readonly<Record<OutputStream, number>> {
    return this.#bytes;
  }

  get totalBytes(): number {
    return this.#bytes.stdout + this.#bytes.stderr;
  }

  get isEmpty(): boolean {
    return this.#next === this.#pieces.length;
  }

  /** How many bytes its frames take at most. */
  get mostEncodedBytes(): number {
    const fullFrames = Math.ceil(this.totalBytes / (MAX_PAYLOAD_BYTES - 3));
    return this.totalBytes + (this.#pieces.length - this.#next + fullFrames) * HEADER_BYTES;
  }

  add(piece: Piece): void {
    if (piece.bytes.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes[piece.stream] += piece.bytes.length;
  }

  /** Puts frames into the block while there is room; gives what was used of it. */
  encode(block: Buffer, nextSeq: () => number): Buffer {
    let used = 0;
    while (!this.isEmpty && hasRoom(block, used, this.mostEncodedBytes))
      used = this.#encodeFrame(block, { offset: used, nextSeq });
    this.#pieces.splice(0, this.#next);
    this.#next = 0;
    return block.subarray(0, used);
  }

  clear(): void {
    this.#pieces = [];
    this.#next = 0;
    this.#bytes.stdout = this.#bytes.stderr = 0;
  }

  #encodeFrame(block: Buffer, { offset, nextSeq }: FramePlace): number {
    const { stream, atMs } = this.#pieces[this.#next] as Piece;
    const from = offset + HEADER_BYTES;
    const room = block.subarray(from, from + MAX_PAYLOAD_BYTES);
    const filled = this.#fill(room, stream);
    const isCut = this.#pieces[this.#next]?.stream === stream;
    const tail = isCut ? incompleteTailBytes(room.subarray(0, filled)) : 0;
    if (tail > 0)
      this.#putBack({ stream, atMs, bytes: Buffer.from(room.subarray(filled - tail, filled)) });
    return sealFrame(block, offset, { seq: nextSeq(), atMs, stream, payloadBytes: filled - tail });
  }

  #fill(room: Buffer, stream: OutputStream): number {
    let filled = 0;
    for (; filled < room.length; this.#next++) {
      const piece = this.#pieces[this.#next];
      if (piece?.stream !== stream) break;
      const bytes = Math.min(piece.bytes.length, room.length - filled);
      piece.bytes.copy(room, filled, 0, bytes);
      filled += bytes;
      if (bytes === piece.bytes.length) continue;
      this.#pieces[this.#next] = { ...piece, bytes: piece.bytes.subarray(bytes) };
      break;
    }
    this.#bytes[stream] -= filled;
    return filled;
  }

  /** The beginning of a character whose end did not fit goes into the next frame. */
  #putBack(piece: Piece): void {
    if (this.#next === 0) this.#pieces.unshift(piece);
    else this.#pieces[--this.#next] = piece;
    this.#bytes[piece.stream] += piece.bytes.length;
  }
}

interface FramePlace {
  readonly offset: number;
  readonly nextSeq: () => number;
}

function hasRoom(block: Buffer, used: number, wanted: number): boolean {
  return block.length - used >= Math.min(SMALLEST_ROOM_BYTES, wanted);
}
