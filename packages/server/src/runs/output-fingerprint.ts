import { createHash, type Hash } from "node:crypto";
import { StringDecoder } from "node:string_decoder";
import { outputNormaliser } from "@deckhand/core";
import type { OutputStream } from "../engines/engine.ts";
import type { OutputLog } from "../output/output-log.ts";
import type { ExecutionRow } from "./run-store.ts";

/** Of each stream so much is compared. */
const COMPARED_BYTES = 8 * 1024 * 1024;
/** A line is normalised in pieces of this length, wherever the frames of the log divide it. */
const LONGEST_PIECE = 64 * 1024;
const STREAMS = ["stdout", "stderr"] as const;

/** What an execution wrote, as two hashes. */
export interface OutputFingerprint {
  readonly exact: string;
  readonly normalised: string;
  /** More was written than was compared. */
  readonly shortened: boolean;
}

/** Reads the stored output of an execution that ended; what it wrote to stdout and to stderr may be mixed in any order. */
export async function readFingerprint(
  output: Pick<OutputLog, "readFrames">,
  row: ExecutionRow,
): Promise<OutputFingerprint> {
  const normalise = outputNormaliser([row.target_name, row.container_id.slice(0, 12)]);
  const readers = { stdout: streamReader(normalise), stderr: streamReader(normalise) };
  const isDone = () => STREAMS.every((stream) => readers[stream].left === 0);
  for await (const frames of output.readFrames(row.run_id, row.id)) {
    for (const { stream, payload } of frames) readers[stream].take(payload);
    if (isDone()) break;
  }
  const ended = STREAMS.map((stream) => readers[stream].end());
  const written: Record<OutputStream, number> = {
    stdout: row.stdout_bytes,
    stderr: row.stderr_bytes,
  };
  return {
    exact: ended.map(({ exact }) => exact).join(":"),
    normalised: ended.map(({ normalised }) => normalised).join(":"),
    shortened: row.truncated === 1 || STREAMS.some((stream) => written[stream] > COMPARED_BYTES),
  };
}

function streamReader(normalise: (lines: string) => string) {
  const exact = createHash("sha256");
  const normalised = createHash("sha256");
  const decoder = new StringDecoder("utf8");
  let left = COMPARED_BYTES;
  let rest = "";
  return {
    get left() {
      return left;
    },
    take: (payload: Uint8Array) => {
      const bytes = Buffer.from(payload.subarray(0, left));
      left -= bytes.length;
      exact.update(bytes);
      rest = takeLines(rest + decoder.write(bytes), (lines) => addTo(normalised, normalise(lines)));
    },
    end: () => {
      const last = rest + decoder.end();
      if (last !== "") addTo(normalised, normalise(last));
      return { exact: exact.digest("hex"), normalised: normalised.digest("hex") };
    },
  };
}

/** A newline at the very end says nothing, and neither does where a piece ends. */
function addTo(hash: Hash, lines: string): void {
  hash.update(lines);
  hash.update("\n");
}

/** Hands on whole lines, without the last end, many at once where none is too long; gives what is left. */
function takeLines(text: string, take: (lines: string) => void): string {
  const end = text.lastIndexOf("\n");
  const whole = text.slice(0, Math.max(0, end));
  if (end >= 0 && whole.length <= LONGEST_PIECE) take(whole);
  else if (end >= 0) for (const line of whole.split("\n")) take(takePieces(line, take));
  return takePieces(text.slice(end + 1), take);
}

/** Hands on full pieces of a line that is too long; gives the last one. */
function takePieces(line: string, take: (piece: string) => void): string {
  let from = 0;
  for (; line.length - from > LONGEST_PIECE; from += LONGEST_PIECE)
    take(line.slice(from, from + LONGEST_PIECE));
  return line.slice(from);
}
