import type { LoggedFrame } from "../output/frame-codec.ts";
import type { ExecutionFrame } from "../output/merged-frames.ts";
import type { OutputLog } from "../output/output-log.ts";
import { toOutputFrame } from "./output-frames.ts";
import type { ExecutionRow } from "./run-store.ts";

/** A file of an archive: its size stands before its content. */
export interface ExportEntry {
  readonly name: string;
  readonly size: number;
  readonly content: () => AsyncIterable<Buffer>;
}

const EXPORTED_STREAMS = ["stdout", "stderr"] as const;
const SAFE_NAME_CHARACTERS = 40;

/** What of an execution's output is exported: what is there now. */
export interface ExportedOutput {
  readonly files: readonly ExportEntry[];
  readonly folder: string;
}

/** Reads an execution's output once for the sizes; a run that goes on is exported as far as it is now. */
export async function toOutputEntries(
  output: Pick<OutputLog, "readFrames">,
  row: ExecutionRow,
): Promise<ExportedOutput> {
  const sizes = { stdout: 0, stderr: 0, frames: 0 };
  let lastSeq = 0;
  for await (const frames of output.readFrames(row.run_id, row.id)) {
    for (const frame of frames) {
      sizes[frame.stream] += frame.payload.length;
      sizes.frames += toLine(frame, row).length;
      lastSeq = frame.seq;
    }
  }
  async function* pieces(toPiece: (frame: LoggedFrame) => Buffer | undefined) {
    for await (const frames of output.readFrames(row.run_id, row.id)) {
      const known = frames.filter((frame) => frame.seq <= lastSeq);
      yield Buffer.concat(known.flatMap((frame) => toPiece(frame) ?? []));
      if (known.length < frames.length) return;
    }
  }
  const folder = toFolder(row);
  const streams = EXPORTED_STREAMS.map((stream) => ({
    name: `${folder}/${stream}`,
    size: sizes[stream],
    content: () => pieces((frame) => (frame.stream === stream ? frame.payload : undefined)),
  }));
  const frames = {
    name: `${folder}/frames.jsonl`,
    size: sizes.frames,
    content: () => pieces((frame) => toLine(frame, row)),
  };
  return { files: [...streams, frames], folder };
}

function toLine(frame: LoggedFrame, { id, target_name }: ExecutionRow): Buffer {
  const { seq, atMs, stream, payload } = frame;
  const whole: ExecutionFrame = { executionId: id, seq, atMs, stream, payload };
  return Buffer.from(`${JSON.stringify(toOutputFrame(whole, target_name))}\n`);
}

/** Names of targets are data: only what is harmless in a path comes through, and the number tells them apart. */
function toFolder({ position, target_name }: ExecutionRow): string {
  const safe = target_name.replaceAll(/[^A-Za-z0-9_-]+/g, "_").slice(0, SAFE_NAME_CHARACTERS);
  return `executions/${String(position + 1).padStart(4, "0")}-${safe}`;
}
