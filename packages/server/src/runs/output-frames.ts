import { isUtf8 } from "node:buffer";
import type { OutputFrame } from "@deckhand/core";
import type { ExecutionFrame } from "../output/merged-frames.ts";

/** `text` where the bytes are text, or `base64` for all of them. */
export type OutputEncoding = "text" | "base64";

const BLOCK_BYTES = 256 * 1024;
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

/** Writes frames as server-sent events, many into one block of bytes, which is used again for the next. */
export class OutputEvents {
  readonly #encoding: OutputEncoding;
  #block: Buffer | undefined;

  constructor(encoding: OutputEncoding) {
    this.#encoding = encoding;
  }

  /** Gives blocks of whole events; each is good until the next is asked for. */
  *encode(
    frames: readonly ExecutionFrame[],
    nameOf: (executionId: string) => string,
  ): Generator<Buffer> {
    let used = 0;
    for (const frame of frames) {
      const { head, body } = toEvent(frame, nameOf(frame.executionId), this.#encoding);
      const most = head.length * MOST_UTF8_BYTES + body.length + TAIL.length;
      if (used > 0 && used + most > BLOCK_BYTES) {
        yield this.#room(used).subarray(0, used);
        used = 0;
      }
      const block = this.#room(used + most);
      used += block.write(head, used);
      used += block.write(body, used, "latin1");
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

const TAIL = "}\n\n";

/**
 * `body` has a character for each byte. JSON escapes nothing above ASCII, so bytes of UTF-8 are escaped as they are, without a way
 * through characters and back.
 */
function toEvent(
  frame: ExecutionFrame,
  target: string,
  encoding: OutputEncoding,
): { readonly head: string; body: string } {
  const { seq, payload } = frame;
  const isText = encoding === "text" && isUtf8(payload);
  const head = JSON.stringify(toHead(frame, target)).slice(0, -1);
  return {
    head: `id: ${seq}\nevent: output\ndata: ${head},"${isText ? "text" : "base64"}":`,
    body: isText ? JSON.stringify(payload.toString("latin1")) : `"${payload.toString("base64")}"`,
  };
}
