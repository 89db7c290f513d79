import { type FileHandle, open } from "node:fs/promises";
import { HEADER_BYTES, type LoggedFrame, MAX_PAYLOAD_BYTES, parseFrame } from "./frame-codec.ts";

/** Enough for the largest frame. */
export const SMALLEST_BLOCK_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;

/** Reads one execution's frames in order, from where it stands; a missing file has none. */
export class FrameFile {
  readonly path: string;
  #offset = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Reads the next whole frames that fit the block; none where the file ends for now. */
  async read(blockBytes: number): Promise<readonly LoggedFrame[]> {
    const file = await openExisting(this.path);
    if (!file) return [];
    try {
      const block = Buffer.allocUnsafe(Math.max(blockBytes, SMALLEST_BLOCK_BYTES));
      const { bytesRead } = await file.read(block, 0, block.length, this.#offset);
      return this.#parse(block.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  }

  /** Goes back to just before a frame that was read and not used. */
  rewind(frames: readonly LoggedFrame[]): void {
    for (const frame of frames) this.#offset -= HEADER_BYTES + frame.payload.length;
  }

  #parse(bytes: Buffer): readonly LoggedFrame[] {
    const frames: LoggedFrame[] = [];
    let offset = 0;
    for (let parsed = parseFrame(bytes, 0); parsed; parsed = parseFrame(bytes, offset)) {
      frames.push(parsed.frame);
      offset = parsed.endOffset;
    }
    this.#offset += offset;
    return frames;
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
