import type { LoggedFrame } from "./frame-codec.ts";
import { FrameFile, SMALLEST_BLOCK_BYTES } from "./frame-file.ts";

/** What all files together may hold in memory in one round. */
const ROUND_BYTES = 4 * 1024 * 1024;

export interface ExecutionFrame extends LoggedFrame {
  readonly executionId: string;
}

interface Source {
  readonly executionId: string;
  readonly file: FrameFile;
}

/** Reads the frames of several executions in the order of their numbers. */
export class MergedFrames {
  readonly #sources: readonly Source[];
  #after: number;

  constructor(files: ReadonlyMap<string, string>, after: number) {
    this.#sources = [...files].map(([executionId, path]) => ({
      executionId,
      file: new FrameFile(path),
    }));
    this.#after = after;
  }

  /** Everything up to and including this number was given out, or asked to be left out. */
  get position(): number {
    return this.#after;
  }

  /**
   * Reads the next frames up to a number, at most `limit`; an empty answer says that there are none for now.
   */
  async read(upTo: number, limit = Number.POSITIVE_INFINITY): Promise<readonly ExecutionFrame[]> {
    const blockBytes = Math.max(
      SMALLEST_BLOCK_BYTES,
      Math.floor(ROUND_BYTES / (this.#sources.length || 1)),
    );
    for (;;) {
      const rounds = await Promise.all(
        this.#sources.map((source) => readSource(source, blockBytes)),
      );
      if (rounds.every((round) => round.frames.length === 0)) return [];
      const taken = this.#take(rounds, Math.min(upTo, safeEnd(rounds)), limit);
      if (taken.length > 0) return taken;
      if (rounds.every((round) => (round.frames.at(-1)?.seq ?? upTo + 1) > upTo)) return [];
    }
  }

  #take(rounds: readonly Round[], end: number, limit: number): readonly ExecutionFrame[] {
    const ready = rounds
      .flatMap((round) => round.frames)
      .filter((frame) => frame.seq > this.#after && frame.seq <= end)
      .sort((one, other) => one.seq - other.seq)
      .slice(0, limit);
    const last = ready.length === limit ? (ready.at(-1)?.seq ?? end) : end;
    for (const round of rounds) round.file.rewind(round.frames.filter((frame) => frame.seq > last));
    this.#after = Math.max(this.#after, ready.at(-1)?.seq ?? this.#after);
    return ready;
  }
}

interface Round {
  readonly file: FrameFile;
  readonly frames: readonly ExecutionFrame[];
  readonly full: boolean;
}

async function readSource({ executionId, file }: Source, blockBytes: number): Promise<Round> {
  const frames = await file.read(blockBytes);
  const bytes = frames.reduce((sum, frame) => sum + frame.payload.length, 0);
  return {
    file,
    frames: frames.map((frame) => ({ ...frame, executionId })),
    full: bytes > 0 && bytes + frames.length * 24 + SMALLEST_BLOCK_BYTES > blockBytes,
  };
}

/** Beyond the last frame of a file of which only a part was read, another may come before the others' next. */
function safeEnd(rounds: readonly Round[]): number {
  let end = Number.POSITIVE_INFINITY;
  for (const round of rounds) {
    if (round.full) end = Math.min(end, round.frames.at(-1)?.seq ?? end);
  }
  return end;
}
