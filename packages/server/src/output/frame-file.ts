import { closeSync, openSync, readSync } from "node:fs";
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

export interface FrameFileOptions {
  readonly path: string;
  /** Spares a look at the disk where it knows the file. */
  readonly recent?: RecentOutput;
  /** Gives what was written down elsewhere, because it was too little for a file. */
  readonly findShort?: () => Promise<Buffer | undefined>;
}

const NOTHING: FramesRead = { frames: [], isPart: false };

/** Reads one execution's frames in order, from where it stands; there are none where nothing was written. */
export class FrameFile {
  readonly #options: FrameFileOptions;
  #pinned: RecentBlock | undefined;
  #block: Buffer | undefined;
  #free: Buffer | undefined;
  #offset = 0;

  constructor(options: FrameFileOptions) {
    this.#options = options;
  }

  /** Reads the next whole frames, about `mostBytes` of them; none where the file ends for now. */
  async read(mostBytes: number): Promise<FramesRead> {
    const { path, recent } = this.#options;
    const known = recent?.find(path);
    if (known && this.#offset >= known.end) return NOTHING;
    const block = known?.find(this.#offset);
    if (!block && known?.isGrowing) return this.#readGrowing(known.end, mostBytes);
    if (!block) return (await this.#readShort()) ?? this.#readFile(mostBytes);
    block.pin();
    this.#pinned = block;
    // Whoever keeps up needs no memory of its own.
    this.#free = undefined;
    const { frames, endOffset } = parseFrames(block.bytes, this.#offset - block.at, {
      isTrusted: true,
    });
    this.#offset = block.at + endOffset;
    return { frames, isPart: this.#offset < (known?.end ?? 0) };
  }

  /** Says that no frame that was read is used any more. */
  release(): void {
    this.#pinned?.release();
    this.#pinned = undefined;
    this.#free = this.#block ?? this.#free;
    this.#block = undefined;
  }

  async #readShort(): Promise<FramesRead | undefined> {
    const bytes = await this.#options.findShort?.();
    if (!bytes) return undefined;
    const { frames, endOffset } = parseFrames(bytes, this.#offset);
    this.#offset = endOffset;
    return { frames, isPart: false };
  }

  /** What this process writes is in the kernel's memory, most of it: to read it at once costs less than to wake a thread for that. */
  #readGrowing(end: number, mostBytes: number): FramesRead {
    const room = Math.min(end - this.#offset, roomFor(mostBytes));
    const block = this.#takeBlock(room);
    const file = openSync(this.#options.path, "r");
    try {
      const bytesRead = readSync(file, block, 0, room, this.#offset);
      const { frames, endOffset } = parseFrames(block.subarray(0, bytesRead), 0, {
        isTrusted: true,
      });
      this.#offset += endOffset;
      return { frames, isPart: frames.length > 0 && this.#offset < end };
    } finally {
      closeSync(file);
    }
  }

  /** The block of the last time, when nobody uses that any more. */
  #takeBlock(bytes: number): Buffer {
    const block = this.#free && this.#free.length >= bytes ? this.#free : undefined;
    this.#free = undefined;
    this.#block = block ?? Buffer.allocUnsafeSlow(bytes);
    return this.#block;
  }

  async #readFile(mostBytes: number): Promise<FramesRead> {
    const file = await openExisting(this.#options.path);
    if (!file) return NOTHING;
    try {
      const left = (await file.stat()).size - this.#offset;
      if (left < HEADER_BYTES) {
        // Until more comes, if it does, no memory is needed.
        this.#free = undefined;
        return NOTHING;
      }
      const room = Math.min(left, roomFor(mostBytes));
      const block = this.#takeBlock(room);
      const { bytesRead } = await file.read(block, 0, room, this.#offset);
      const { frames, endOffset } = parseFrames(block.subarray(0, bytesRead), 0);
      this.#offset += endOffset;
      return { frames, isPart: frames.length > 0 && endOffset < left };
    } finally {
      await file.close();
    }
  }
}

function roomFor(mostBytes: number): number {
  return Math.max(mostBytes, SMALLEST_BLOCK_BYTES);
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
