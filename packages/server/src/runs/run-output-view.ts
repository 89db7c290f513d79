import type { Execution, Run } from "@deckhand/core";
import type { OutputLog } from "../output/output-log.ts";
import { toText } from "./follow-run.ts";

const STREAM_BYTES = 64 * 1024;
const ANSWER_BYTES = 1024 * 1024;

/** Puts the stored output into a run's executions: at most 64 KiB a stream and 1 MiB in all. */
export async function includeOutput(output: OutputLog, run: Run): Promise<Run> {
  const executions: Execution[] = [];
  let room = ANSWER_BYTES;
  for (const execution of run.executions) {
    const stdout = await readStart(output, execution, {
      stream: "stdout",
      bytes: Math.min(room, STREAM_BYTES),
    });
    room -= stdout.length;
    const stderr = await readStart(output, execution, {
      stream: "stderr",
      bytes: Math.min(room, STREAM_BYTES),
    });
    room -= stderr.length;
    executions.push({
      ...execution,
      output: { ...execution.output, ...toTexts(execution, stdout, stderr) },
    });
  }
  return { ...run, executions };
}

interface Part {
  readonly stream: "stdout" | "stderr";
  readonly bytes: number;
}

async function readStart(
  output: OutputLog,
  execution: Execution,
  { stream, bytes }: Part,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let read = 0;
  if (bytes === 0) return Buffer.alloc(0);
  for await (const piece of output.readRaw(execution.runId, execution.id, stream)) {
    pieces.push(piece);
    read += piece.length;
    if (read > bytes) break;
  }
  return wholeText(Buffer.concat(pieces).subarray(0, bytes));
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
