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
export const MAX_PAYLOAD_BYTES = 32 * 1024;

export interface LoggedFrame {
  readonly seq: number;
  readonly atMs: number;
  readonly stream: OutputStream;
  readonly payload: Buffer;
}

const STREAM_BYTE = { stdout: 1, stderr: 2 } as const;
const STREAM_OF_BYTE: Readonly<Record<number, OutputStream>> = { 1: "stdout", 2: "stderr" };

/** Gives header and payload, to be written one after the other. */
export function encodeFrame(frame: LoggedFrame): [Buffer, Buffer] {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(frame.payload.length, 0);
  header.writeBigUInt64LE(BigInt(frame.seq), 8);
  header.writeUIntLE(frame.atMs, 16, 6);
  header.writeUInt8(STREAM_BYTE[frame.stream], 22);
  header.writeUInt32LE(checksum(header, frame.payload), 4);
  return [header, frame.payload];
}

export interface ParsedFrame {
  readonly frame: LoggedFrame;
  readonly endOffset: number;
}

/** Parses the frame at an offset; `undefined` where the bytes do not hold a whole and sound one. */
export function parseFrame(bytes: Buffer, offset: number): ParsedFrame | undefined {
  if (offset + HEADER_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt32LE(offset);
  const endOffset = offset + HEADER_BYTES + length;
  if (length > MAX_PAYLOAD_BYTES || endOffset > bytes.length) return undefined;
  const header = bytes.subarray(offset, offset + HEADER_BYTES);
  const payload = bytes.subarray(offset + HEADER_BYTES, endOffset);
  const stream = STREAM_OF_BYTE[header.readUInt8(22)];
  if (!stream || header.readUInt32LE(4) !== checksum(header, payload)) return undefined;
  const seq = Number(header.readBigUInt64LE(8));
  return { frame: { seq, atMs: header.readUIntLE(16, 6), stream, payload }, endOffset };
}

function checksum(header: Buffer, payload: Buffer): number {
  return crc32(payload, crc32(header.subarray(8, HEADER_BYTES)));
}
