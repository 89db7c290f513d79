import type { LoggedFrame } from "./frame-codec.ts";
import { type FrameFile, SMALLEST_BLOCK_BYTES } from "./frame-file.ts";

/** What all files together may hold in memory in one round. */
const ROUND_BYTES = 512 * 1024;

export interface ExecutionFrame extends LoggedFrame {
  readonly executionId: string;
}

export interface MergedFramesOptions {
  /** The file of each execution. */
  readonly files: ReadonlyMap<string, FrameFile>;
  /** Frames up to this number are left out. */
  readonly after: number;
}

/** Reads the frames of several executions in the order of their numbers. */
export class MergedFrames {
  readonly #sources: readonly Source[];
  #after: number;

  constructor({ files, after }: MergedFramesOptions) {
    this.#sources = [...files].map(([executionId, file]) => new Source(executionId, file));
    this.#after = after;
  }

  /** Reads the next frames up to a number, at most `limit`; an empty answer says that there are none for now. */
  async read(upTo: number, limit = Number.POSITIVE_INFINITY): Promise<readonly ExecutionFrame[]> {
    const blockBytes = Math.max(
      SMALLEST_BLOCK_BYTES,
      Math.floor(ROUND_BYTES / (this.#sources.length || 1)),
    );
    /** Those of which all is read that was there when this reading began. */
    const whole = new Set<Source>();
    for (;;) {
      const empty = this.#sources.filter((source) => source.isEmpty && !whole.has(source));
      await Promise.all(
        empty.map(async (source) => {
          if (await source.fill(blockBytes)) whole.add(source);
        }),
      );
      const parts = this.#sources.filter((source) => !whole.has(source));
      // Beyond the last frame of a file of which only a part was read, another may come before the others' next.
      const end = Math.min(upTo, ...parts.map((source) => source.lastSeq));
      const taken = this.#take(end, limit);
      if (taken.length > 0) return taken;
      if (parts.every((source) => !source.isEmpty && source.firstSeq > upTo)) return [];
    }
  }

  /** Says that no frame that was given is used any more. */
  release(): void {
    for (const source of this.#sources) source.release();
  }

  #take(end: number, limit: number): readonly ExecutionFrame[] {
    const ready = this.#sources.map((source) => source.peek(this.#after, end));
    const [only] = ready;
    const ordered =
      ready.length === 1 && only ? only : ready.flat().sort((one, other) => one.seq - other.seq);
    const taken = ordered.slice(0, limit);
    const last = taken.at(-1)?.seq;
    if (last !== undefined) this.#after = last;
    for (const source of this.#sources)
      source.skip(taken.length < ordered.length ? this.#after : end);
    return taken;
  }
}

/** One execution's frames that were read and not taken yet. */
class Source {
  readonly #executionId: string;
  readonly #file: FrameFile;
  #frames: readonly ExecutionFrame[] = [];
  #next = 0;

  constructor(executionId: string, file: FrameFile) {
    this.#executionId = executionId;
    this.#file = file;
  }

  get isEmpty(): boolean {
    return this.#next === this.#frames.length;
  }

  get firstSeq(): number {
    return this.#frames[this.#next]?.seq ?? Number.POSITIVE_INFINITY;
  }

  get lastSeq(): number {
    return this.#frames.at(-1)?.seq ?? Number.POSITIVE_INFINITY;
  }

  /** Reads on; true when nothing is left to read for now. */
  async fill(blockBytes: number): Promise<boolean> {
    const { frames, isPart } = await this.#file.read(blockBytes);
    this.#next = 0;
    this.#frames = frames.map(({ seq, atMs, stream, payload }) => ({
      executionId: this.#executionId,
      seq,
      atMs,
      stream,
      payload,
    }));
    return !isPart || frames.length === 0;
  }

  peek(after: number, end: number): readonly ExecutionFrame[] {
    let from = this.#next;
    while ((this.#frames[from]?.seq ?? Number.POSITIVE_INFINITY) <= after) from += 1;
    let to = from;
    while ((this.#frames[to]?.seq ?? Number.POSITIVE_INFINITY) <= end) to += 1;
    return this.#frames.slice(from, to);
  }

  skip(end: number): void {
    while (this.firstSeq <= end) this.#next += 1;
  }

  release(): void {
    if (this.isEmpty) this.#file.release();
  }
}
