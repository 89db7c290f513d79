/** A block of this size is used again and again: large buffers that come and go would wait for a full collection. */
export const LARGE_BLOCK_BYTES = 256 * 1024;
/** What needs no more than this gets a buffer of its own. */
const SMALL_BLOCK_BYTES = 16 * 1024;
/** What a block costs beside its bytes. */
const OVERHEAD_BYTES = 256;

/** Whole frames, as they stand in a file. */
export interface RecentBlock {
  /** Where in the file it begins. */
  readonly at: number;
  readonly bytes: Buffer;
  /** Says that somebody reads its bytes, which stay as they are until that is over. */
  pin(): void;
  release(): void;
}

/** What is known of a file without looking at it. */
export interface RecentFile {
  /** Where its last whole frame ends. */
  readonly end: number;
  /** While this process writes it. */
  readonly isGrowing: boolean;
  /** The block with the frame at an offset, while that is in memory. */
  find(offset: number): RecentBlock | undefined;
}

/** A file that this process writes. */
export interface GrowingFile {
  /** Says that the bytes, in a buffer of `takeBuffer`, were written at the end. */
  grow(bytes: Buffer): void;
  /** Nothing more will be written. */
  close(): void;
}

/** The newest output of all files, bounded in memory, so that whoever reads along does not read the disk. */
export class RecentOutput {
  readonly #mostBytes: number;
  readonly #files = new Map<string, KnownFile>();
  /** The file of each block, oldest first. */
  readonly #queue: KnownFile[] = [];
  readonly #free: Buffer[] = [];
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Gives room for so many bytes; at most LARGE_BLOCK_BYTES. */
  takeBuffer(bytes: number): Buffer {
    // Part of a shared buffer would keep all of it.
    if (bytes <= SMALL_BLOCK_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(LARGE_BLOCK_BYTES);
  }

  find(path: string): RecentFile | undefined {
    return this.#files.get(path);
  }

  /** Begins with a file that ends here by now. */
  open(path: string, end: number): GrowingFile {
    const file = new KnownFile(path, end);
    this.#files.set(path, file);
    return {
      grow: (bytes) => this.#grow(file, bytes),
      close: () => {
        file.isGrowing = false;
        this.#forgetIfDone(file);
      },
    };
  }

  /** Forgets all files whose path begins so. */
  forget(prefix: string): void {
    for (const path of this.#files.keys()) if (path.startsWith(prefix)) this.#files.delete(path);
  }

  #grow(file: KnownFile, bytes: Buffer): void {
    file.add(bytes, (block) => this.#reuse(block));
    this.#queue.push(file);
    this.#bytes += costOf(bytes);
    while (this.#bytes > this.#mostBytes) this.#dropOldest();
  }

  #dropOldest(): void {
    const file = this.#queue.shift();
    const block = file?.removeOldest();
    if (!file || !block) return;
    this.#bytes -= costOf(block.bytes);
    block.drop();
    this.#forgetIfDone(file);
  }

  #reuse(bytes: Buffer): void {
    const isEnough = this.#free.length * LARGE_BLOCK_BYTES >= this.#mostBytes;
    if (isLarge(bytes) && !isEnough) this.#free.push(wholeOf(bytes));
  }

  #forgetIfDone(file: KnownFile): void {
    const isDone = !file.isGrowing && file.isEmpty;
    if (isDone && this.#files.get(file.path) === file) this.#files.delete(file.path);
  }
}

class Block implements RecentBlock {
  readonly at: number;
  readonly bytes: Buffer;
  readonly #onUnused: (bytes: Buffer) => void;
  #pins = 0;
  #isDropped = false;

  constructor(at: number, bytes: Buffer, onUnused: (bytes: Buffer) => void) {
    this.at = at;
    this.bytes = bytes;
    this.#onUnused = onUnused;
  }

  pin(): void {
    this.#pins += 1;
  }

  release(): void {
    this.#pins -= 1;
    if (this.#isDropped && this.#pins === 0) this.#onUnused(this.bytes);
  }

  /** It is not found any more. */
  drop(): void {
    this.#isDropped = true;
    if (this.#pins === 0) this.#onUnused(this.bytes);
  }
}

class KnownFile implements RecentFile {
  readonly path: string;
  readonly #blocks: Block[] = [];
  isGrowing = true;
  end: number;

  constructor(path: string, end: number) {
    this.path = path;
    this.end = end;
  }

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  add(bytes: Buffer, onUnused: (bytes: Buffer) => void): void {
    this.#blocks.push(new Block(this.end, bytes, onUnused));
    this.end += bytes.length;
  }

  removeOldest(): Block | undefined {
    return this.#blocks.shift();
  }

  find(offset: number): RecentBlock | undefined {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.at ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const block = this.#blocks[low - 1];
    return block && offset < block.at + block.bytes.length ? block : undefined;
  }
}

function isLarge(bytes: Buffer): boolean {
  return bytes.buffer.byteLength === LARGE_BLOCK_BYTES;
}

function costOf(bytes: Buffer): number {
  return OVERHEAD_BYTES + (isLarge(bytes) ? LARGE_BLOCK_BYTES : bytes.length);
}

function wholeOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.buffer, 0, LARGE_BLOCK_BYTES);
}
