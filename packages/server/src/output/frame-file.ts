import { type FileHandle, open } from "node:fs/promises";
import { HEADER_BYTES, type LoggedFrame, MAX_PAYLOAD_BYTES, parseFrames } from "./frame-codec.ts";
import type { RecentBlock, RecentOutput } from "./recent-output.ts";

/** Enough for the largest frame. */
export const SMALLEST_BLOCK_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;

export interface FramesRead {
  readonly frames: readonly LoggedFrame[];
  /** Whether there are more behind these by now. */
  readonly isPart: boolean;
}

const NOTHING: FramesRead = { frames: [], isPart: false };

/** Reads one execution's frames in order, from where it stands; a missing file has none. */
export class FrameFile {
  readonly path: string;
  readonly #recent: RecentOutput | undefined;
  #pinned: RecentBlock | undefined;
  #offset = 0;

  /** `recent` spares a look at the disk where it knows the file. */
  constructor(path: string, recent?: RecentOutput) {
    this.path = path;
    this.#recent = recent;
  }

  /** Reads the next whole frames, about `mostBytes` of them; none where the file ends for now. */
  async read(mostBytes: number): Promise<FramesRead> {
    const known = this.#recent?.find(this.path);
    if (known && this.#offset >= known.end) return NOTHING;
    const block = known?.find(this.#offset);
    if (!block) return this.#readFile(mostBytes);
    block.pins += 1;
    this.#pinned = block;
    const { frames, endOffset } = parseFrames(block.bytes, this.#offset - block.at, {
      isTrusted: true,
    });
    this.#offset = block.at + endOffset;
    return { frames, isPart: this.#offset < (known?.end ?? 0) };
  }

  /** Says that no frame that was read is used any more. */
  release(): void {
    if (this.#pinned) this.#pinned.pins -= 1;
    this.#pinned = undefined;
  }

  async #readFile(mostBytes: number): Promise<FramesRead> {
    const file = await openExisting(this.path);
    if (!file) return NOTHING;
    try {
      const left = (await file.stat()).size - this.#offset;
      if (left < HEADER_BYTES) return NOTHING;
      const room = Math.min(left, Math.max(mostBytes, SMALLEST_BLOCK_BYTES));
      const block = Buffer.allocUnsafe(room);
      const { bytesRead } = await file.read(block, 0, room, this.#offset);
      const { frames, endOffset } = parseFrames(block.subarray(0, bytesRead), 0);
      this.#offset += endOffset;
      return { frames, isPart: frames.length > 0 && endOffset < left };
    } finally {
      await file.close();
    }
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
