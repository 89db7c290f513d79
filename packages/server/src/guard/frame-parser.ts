import { decodeFrame, OUT, ProtocolError } from "./decode-frame.ts";
import type { GuardFrame } from "./frames.ts";

/** The guard sends no larger frame. */
const MAX_RECEIVED_BYTES = 256 * 1024;
/** A part of an OUT frame that is shorter than this waits for the rest. */
const SMALLEST_PART_BYTES = 4 * 1024;
/** Type, channel, stream and offset of an OUT frame. */
const OUT_HEAD_BYTES = 14;

/** Cuts a stream of bytes, in whatever pieces it comes, into frames. */
export class FrameParser {
  #pieces: Buffer[] = [];
  #held = 0;
  /** How many bytes there must be before it is worth looking. */
  #needed = 4;
  /** The OUT frame of which a part was given, and how much of it is still to come. */
  #out: OutFrame | undefined;
  #left = 0;

  /**
   * Gives the frames that are whole by now, and what has come of a long OUT frame as a frame of its own, without a copy;
   * throws a ProtocolError.
   */
  *push(bytes: Buffer): Generator<GuardFrame> {
    this.#pieces.push(bytes);
    this.#held += bytes.length;
    if (this.#held < this.#needed) return;
    let at = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces);
    this.#needed = 4;
    for (;;) {
      if (this.#out) {
        const part = at.subarray(0, this.#left);
        at = at.subarray(part.length);
        if (part.length > 0) yield this.#continue(this.#out, part);
        if (this.#out) break;
      }
      if (at.length < 4) break;
      const length = at.readUInt32LE(0);
      if (length === 0 || length > MAX_RECEIVED_BYTES)
        throw new ProtocolError(`a frame of ${length} bytes`);
      const frame = at.subarray(4, 4 + length);
      if (frame.length === length) {
        at = at.subarray(4 + length);
        yield decodeFrame(frame.readUInt8(0), frame.subarray(1));
      } else if (isLongPart(frame)) {
        at = at.subarray(at.length);
        yield this.#begin(frame, length - frame.length);
      } else {
        this.#needed = 4 + length;
        break;
      }
    }
    if (this.#out) this.#needed = 1;
    this.#pieces = at.length > 0 ? [at] : [];
    this.#held = at.length;
  }

  #begin(frame: Buffer, left: number): GuardFrame {
    const out = decodeFrame(frame.readUInt8(0), frame.subarray(1)) as OutFrame;
    this.#out = out;
    this.#left = left;
    return out;
  }

  #continue(out: OutFrame, bytes: Buffer): GuardFrame {
    const part = { ...out, offset: out.offset + out.bytes.length, bytes };
    this.#left -= bytes.length;
    this.#out = this.#left > 0 ? part : undefined;
    return part;
  }
}

type OutFrame = Extract<GuardFrame, { type: "out" }>;

function isLongPart(frame: Buffer): boolean {
  return frame.length >= OUT_HEAD_BYTES + SMALLEST_PART_BYTES && frame.readUInt8(0) === OUT;
}
