import { crc32 } from "node:zlib";
import type { OutputStream } from "../engines/engine.ts";

/**
 * One frame on disk: 24 bytes of header, then the payload.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | payload length |
 * | 4 | 4 | CRC-32 of header bytes 8 to 23 and the payload |
 * | 8 | 8 | sequence number within the run |
 * | 16 | 6 | time, milliseconds since 1970 |
 * | 22 | 1 | stream: 1 stdout, 2 stderr |
 * | 23 | 1 | zero |
 *
 * Integers are little-endian. A torn last frame, after a crash, fails its length or its checksum and is the end.
 */
export const HEADER_BYTES = 24;
export const MAX_PAYLOAD_BYTES = 64 * 1024 - HEADER_BYTES;

export interface LoggedFrame {
  readonly seq: number;
  readonly atMs: number;
  readonly stream: OutputStream;
  readonly payload: Buffer;
}

export interface FrameHead extends Pick<LoggedFrame, "seq" | "atMs" | "stream"> {
  readonly payloadBytes: number;
}

const STREAM_BYTE = { stdout: 1, stderr: 2 } as const;
const STREAM_OF_BYTE: Readonly<Record<number, OutputStream>> = { 1: "stdout", 2: "stderr" };
const TWO_TO_32 = 2 ** 32;

/** Writes the header of a frame whose payload stands in its place already; gives where the frame ends. */
export function sealFrame(block: Buffer, offset: number, head: FrameHead): number {
  const end = offset + HEADER_BYTES + head.payloadBytes;
  block.writeUInt32LE(head.payloadBytes, offset);
  block.writeUInt32LE(head.seq % TWO_TO_32, offset + 8);
  block.writeUInt32LE(Math.floor(head.seq / TWO_TO_32), offset + 12);
  block.writeUIntLE(head.atMs, offset + 16, 6);
  block.writeUInt8(STREAM_BYTE[head.stream], offset + 22);
  block.writeUInt8(0, offset + 23);
  block.writeUInt32LE(crc32(block.subarray(offset + 8, end)), offset + 4);
  return end;
}

export interface ParseOptions {
  /** For bytes that we wrote ourselves and that never left the memory. */
  readonly isTrusted?: boolean;
}

/** Parses whole and sound frames from an offset on, as many as there are. */
export function parseFrames(
  bytes: Buffer,
  offset: number,
  { isTrusted = false }: ParseOptions = {},
): { readonly frames: readonly LoggedFrame[]; readonly endOffset: number } {
  const frames: LoggedFrame[] = [];
  let at = offset;
  while (at + HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    const end = at + HEADER_BYTES + length;
    const stream = STREAM_OF_BYTE[bytes.readUInt8(at + 22)];
    if (!stream || length > MAX_PAYLOAD_BYTES || end > bytes.length) break;
    if (!isTrusted && bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end))) break;
    frames.push({
      seq: bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * TWO_TO_32,
      atMs: bytes.readUIntLE(at + 16, 6),
      stream,
      payload: bytes.subarray(at + HEADER_BYTES, end),
    });
    at = end;
  }
  return { frames, endOffset: at };
}
