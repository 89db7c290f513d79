import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { OutputStream } from "../engines/engine.ts";
import { HEADER_BYTES, type LoggedFrame } from "./frame-codec.ts";
import { FrameFile } from "./frame-file.ts";
import { type ExecutionFrame, MergedFrames } from "./merged-frames.ts";
import {
  OutputWriter,
  type OutputWriterOptions,
  type ResumedFile,
  type StoredBytes,
} from "./output-writer.ts";
import { RecentOutput } from "./recent-output.ts";
import { RunSequence } from "./run-sequence.ts";
import type { ShortOutputs } from "./short-outputs.ts";

const READ_BLOCK_BYTES = 256 * 1024;
const RECENT_BYTES = 4 * 1024 * 1024;

export interface OutputLogOptions {
  readonly directory: string;
  readonly short: ShortOutputs;
  readonly now: () => number;
  /** Says that new frames of a run can be read. */
  readonly onFlushed: (runId: string, bytes: number) => void;
}

export interface OutputCursor {
  /** Reads some of what can be read now, not always as many as it may; empty when there is nothing more for now. */
  next(limit?: number): Promise<readonly ExecutionFrame[]>;
  /** Says that no frame that was given is used any more; who says so now and then spares memory. */
  release(): void;
}

/** The append-only log of what executions wrote, numbered over the run: a file each, or a row where it is little. */
export interface OutputLog {
  /** `resume`: goes on where an earlier writer of this execution was cut off. */
  openWriter(options: OpenWriterOptions): Promise<OutputWriter>;
  /** Tells that no execution of the run will write any more. */
  closeRun(runId: string): void;
  /** Reads forward from a number; goes on where it stopped when asked again. */
  openCursor(
    runId: string,
    options: { readonly executionIds: readonly string[]; readonly after: number },
  ): OutputCursor;
  /** The frames of one execution; each piece is good until the next is asked for. */
  readFrames(runId: string, executionId: string): AsyncIterable<readonly LoggedFrame[]>;
  /** The payloads of one execution, byte for byte. */
  readRaw(runId: string, executionId: string, stream: OutputStream | "both"): AsyncIterable<Buffer>;
  /** How many bytes `readRaw` can still find of an execution that was cut off. */
  measure(runId: string, executionId: string): Promise<StoredBytes>;
  deleteRun(runId: string): Promise<void>;
}

export interface OpenWriterOptions extends Pick<OutputWriterOptions, "limitBytes" | "onStored"> {
  readonly runId: string;
  readonly executionId: string;
  readonly resume?: boolean;
  /** Known to be of a run of which nothing was written before. */
  readonly isFirst?: boolean;
}

export function fileOutputLog(options: OutputLogOptions): OutputLog {
  const { short } = options;
  const sequences = new Map<string, Promise<RunSequence>>();
  const recent = new RecentOutput(RECENT_BYTES);
  const pathOf = (runId: string, executionId: string) =>
    join(runDirectory(options.directory, runId), `${executionId}.log`);
  const fileOf = (runId: string, executionId: string) =>
    new FrameFile({
      path: pathOf(runId, executionId),
      recent,
      findShort: () => short.find({ runId, executionId }),
    });

  function sequenceOf(runId: string, isFirst: boolean): Promise<RunSequence> {
    const known = sequences.get(runId);
    if (known) return known;
    const last = isFirst ? Promise.resolve(0) : findLastNumber(runId);
    const made = last.then((number) => new RunSequence(number));
    // Whoever waits for it hears of it.
    made.catch(() => undefined);
    sequences.set(runId, made);
    return made;
  }

  /** Executions of a run may start after a restart of the server. */
  async function findLastNumber(runId: string): Promise<number> {
    const inFiles = await lastNumber(runDirectory(options.directory, runId));
    return Math.max(inFiles, await short.lastNumber(runId));
  }

  async function* readFrames(runId: string, executionId: string) {
    yield* framesOf(fileOf(runId, executionId));
  }

  async function* readRaw(runId: string, executionId: string, stream: OutputStream | "both") {
    for await (const frames of readFrames(runId, executionId)) {
      const wanted = frames.filter((frame) => stream === "both" || frame.stream === stream);
      if (wanted.length > 0) yield Buffer.concat(wanted.map((frame) => frame.payload));
    }
  }

  return {
    openWriter: async (wanted) => {
      const { runId, executionId, limitBytes, onStored, resume = false, isFirst = false } = wanted;
      const path = pathOf(runId, executionId);
      return new OutputWriter({
        path,
        sequence: sequenceOf(runId, isFirst),
        recent,
        limitBytes,
        now: options.now,
        onFlushed: (bytes) => options.onFlushed(runId, bytes),
        onStored,
        resumed: resume ? await measureFile(path) : undefined,
      });
    },
    closeRun: (runId) => {
      sequences.delete(runId);
    },
    openCursor: (runId, { executionIds, after }) => {
      const files = new Map(executionIds.map((id) => [id, fileOf(runId, id)]));
      const merged = new MergedFrames({ files, after });
      return {
        next: async (limit) => {
          const sequence = await sequences.get(runId);
          await sequence?.committed();
          return merged.read(sequence?.readableUpTo ?? Number.MAX_SAFE_INTEGER, limit);
        },
        release: () => merged.release(),
      };
    },
    readFrames,
    readRaw,
    measure: async (runId, executionId) =>
      (await measureFile(pathOf(runId, executionId)))?.stored ?? { stdout: 0, stderr: 0 },
    deleteRun: async (runId) => {
      const directory = runDirectory(options.directory, runId);
      recent.forget(directory);
      await short.deleteRun(runId);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function* framesOf(file: FrameFile): AsyncGenerator<readonly LoggedFrame[]> {
  for (let isPart = true; isPart; ) {
    const read = await file.read(READ_BLOCK_BYTES);
    if (read.frames.length > 0) yield read.frames;
    file.release();
    isPart = read.isPart;
  }
}

/** `undefined` where nothing was written. */
async function measureFile(path: string): Promise<ResumedFile | undefined> {
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const stored = { stdout: 0, stderr: 0 };
  let bytes = 0;
  for await (const frames of framesOf(new FrameFile({ path }))) {
    for (const { stream, payload } of frames) {
      stored[stream] += payload.length;
      bytes += HEADER_BYTES + payload.length;
    }
  }
  return { bytes, stored };
}

/** The first five characters of an id's time span about nine hours: few enough entries in each folder. */
function runDirectory(directory: string, runId: string): string {
  return join(directory, runId.slice(4, 9), runId);
}

/** The highest number in use. */
async function lastNumber(directory: string): Promise<number> {
  if (!(await stat(directory).catch(() => undefined))) return 0;
  let last = 0;
  for (const name of await readdir(directory)) {
    for await (const frames of framesOf(new FrameFile({ path: join(directory, name) })))
      last = Math.max(last, frames.at(-1)?.seq ?? 0);
  }
  return last;
}
