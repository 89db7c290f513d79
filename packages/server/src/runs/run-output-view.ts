import { type Execution, isTerminal, type Run } from "@deckhand/core";
import type { OutputStream } from "../engines/engine.ts";
import type { OutputLog } from "../output/output-log.ts";
import { toText } from "./output-frames.ts";

const STREAM_BYTES = 64 * 1024;
const ANSWER_BYTES = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/** Puts the stored output into a run's executions: at most 64 KiB a stream and 1 MiB in all. */
export async function includeOutput(output: OutputLog, run: Run): Promise<Run> {
  const executions: Execution[] = [];
  let room = ANSWER_BYTES;
  for (const execution of run.executions) {
    const starts = await readStarts(output, execution);
    const stdout = wholeText(starts.stdout.subarray(0, room));
    const stderr = wholeText(starts.stderr.subarray(0, room - stdout.length));
    room -= stdout.length + stderr.length;
    executions.push({
      ...execution,
      output: { ...execution.output, ...toTexts(execution, stdout, stderr) },
    });
  }
  return { ...run, executions };
}

interface Starts {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Stops where both are long enough, or where all was read that an ended execution has. */
async function readStarts(output: OutputLog, execution: Execution): Promise<Starts> {
  const { id, runId, state, output: told } = execution;
  const pieces: Record<OutputStream, Buffer[]> = { stdout: [], stderr: [] };
  const bytes = { stdout: 0, stderr: 0 };
  const isOver = isTerminal(state);
  const isDone = () =>
    (bytes.stdout >= STREAM_BYTES || (isOver && bytes.stdout >= told.stdoutBytes)) &&
    (bytes.stderr >= STREAM_BYTES || (isOver && bytes.stderr >= told.stderrBytes));
  if (isDone()) return { stdout: NOTHING, stderr: NOTHING };
  for await (const frames of output.readFrames(runId, id)) {
    for (const { stream, payload } of frames) {
      if (bytes[stream] < STREAM_BYTES) pieces[stream].push(Buffer.from(payload));
      bytes[stream] += payload.length;
    }
    if (isDone()) break;
  }
  return {
    stdout: Buffer.concat(pieces.stdout).subarray(0, STREAM_BYTES),
    stderr: Buffer.concat(pieces.stderr).subarray(0, STREAM_BYTES),
  };
}

/** A cut may fall into a character; without its first bytes the rest is still text. */
function wholeText(bytes: Buffer): Buffer {
  for (let back = 0; back <= Math.min(3, bytes.length); back++) {
    const shorter = bytes.subarray(0, bytes.length - back);
    if (toText(shorter) !== undefined) return shorter;
  }
  return bytes;
}

function toTexts(execution: Execution, stdout: Buffer, stderr: Buffer) {
  const texts = { stdout: toText(stdout), stderr: toText(stderr) };
  const shortened = stdout.length + stderr.length < execution.output.storedBytes;
  if (texts.stdout === undefined || texts.stderr === undefined) {
    return {
      stdout: stdout.toString("base64"),
      stderr: stderr.toString("base64"),
      encoding: "base64" as const,
      shortened,
    };
  }
  return { stdout: texts.stdout, stderr: texts.stderr, encoding: "utf-8" as const, shortened };
}
