import { isUtf8 } from "node:buffer";
import type { OutputFrame } from "@deckhand/core";
import type { OutputStream } from "../engines/engine.ts";
import type { ExecutionFrame } from "../output/merged-frames.ts";

/** `text` where the bytes are text, or `base64` for all of them. */
export type OutputEncoding = "text" | "base64";

const BLOCK_BYTES = 256 * 1024;
/** Whole groups of base64. What makes a larger string costs several times as much: V8 maps memory of its own for each. */
const PIECE_BYTES = 48 * 1024;
/** Of a character of the head. */
const MOST_UTF8_BYTES = 3;

/** Shows a frame as text where it is text; a frame holds whole characters when the script wrote any. */
export function toOutputFrame(frame: ExecutionFrame, target: string): OutputFrame {
  const text = toText(frame.payload);
  const shown = text === undefined ? { base64: frame.payload.toString("base64") } : { text };
  return { ...toHead(frame, target), ...shown };
}

function toHead({ seq, executionId, stream, atMs, payload }: ExecutionFrame, target: string) {
  const at = new Date(atMs).toISOString();
  return { seq, executionId, target, stream, at, bytes: payload.length };
}

/** `undefined` when the bytes are no UTF-8. */
export function toText(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

/** What becomes of output on its way to a reader: blocks of bytes, each good until the next is asked for. */
export interface OutputEncoder {
  encode(
    frames: readonly ExecutionFrame[],
    nameOf: (executionId: string) => string,
  ): Iterable<Buffer>;
}

/** Gives the bytes as they are. */
export class RawOutput implements OutputEncoder {
  readonly #stream: OutputStream | "both";

  constructor(stream: OutputStream | "both") {
    this.#stream = stream;
  }

  *encode(frames: readonly ExecutionFrame[]): Generator<Buffer> {
    for (const { stream, payload } of frames)
      if (this.#stream === "both" || stream === this.#stream) yield payload;
  }
}

/** Leaves out the first bytes. */
export async function* fromOffset(
  pieces: AsyncIterable<Buffer>,
  offset: number,
): AsyncGenerator<Buffer> {
  let left = offset;
  for await (const piece of pieces) {
    const wanted = piece.subarray(left);
    left = Math.max(0, left - piece.length);
    if (wanted.length > 0) yield wanted;
  }
}

/** Writes frames as server-sent events, many into one block of bytes, which is used again for the next. */
export class OutputEvents implements OutputEncoder {
  readonly #encoding: OutputEncoding;
  #block: Buffer | undefined;

  constructor(encoding: OutputEncoding) {
    this.#encoding = encoding;
  }

  /** Gives blocks of whole events. */
  *encode(
    frames: readonly ExecutionFrame[],
    nameOf: (executionId: string) => string,
  ): Generator<Buffer> {
    let used = 0;
    for (const frame of frames) {
      const { head, pieces } = toEvent(frame, nameOf(frame.executionId), this.#encoding);
      const bodyBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const most = head.length * MOST_UTF8_BYTES + bodyBytes + TAIL.length;
      if (used > 0 && used + most > BLOCK_BYTES) {
        yield this.#room(used).subarray(0, used);
        used = 0;
      }
      const block = this.#room(used + most);
      used += block.write(head, used);
      for (const piece of pieces) used += block.write(piece, used, "latin1");
      used += block.write(TAIL, used, "latin1");
    }
    if (used > 0) yield this.#room(used).subarray(0, used);
  }

  #room(bytes: number): Buffer {
    if (!this.#block || this.#block.length < bytes)
      this.#block = Buffer.allocUnsafeSlow(Math.max(bytes, BLOCK_BYTES));
    return this.#block;
  }
}

const TAIL = '"}\n\n';

interface EventParts {
  readonly head: string;
  /** A character for each byte. */
  readonly pieces: readonly string[];
}

function toEvent(frame: ExecutionFrame, target: string, encoding: OutputEncoding): EventParts {
  const { seq, payload } = frame;
  const isText = encoding === "text" && isUtf8(payload);
  const head = JSON.stringify(toHead(frame, target)).slice(0, -1);
  const pieces: string[] = [];
  for (let from = 0; from < payload.length; from += PIECE_BYTES) {
    const to = Math.min(payload.length, from + PIECE_BYTES);
    pieces.push(isText ? toEscaped(payload, from, to) : payload.toString("base64", from, to));
  }
  return {
    head: `id: ${seq}\nevent: output\ndata: ${head},"${isText ? "text" : "base64"}":"`,
    pieces,
  };
}

/** JSON escapes nothing above ASCII, so bytes of UTF-8 are escaped as they are, without a way through characters and back. */
function toEscaped(payload: Buffer, from: number, to: number): string {
  return JSON.stringify(payload.toString("latin1", from, to)).slice(1, -1);
}
