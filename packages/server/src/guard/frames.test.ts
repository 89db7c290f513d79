import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, ProtocolError } from "./decode-frame.ts";
import { encodeFrame } from "./encode-frame.ts";
import { FrameParser } from "./frame-parser.ts";
import type { ClientFrame, GuardFrame } from "./frames.ts";
import { VECTORS, type Vector } from "./testing/vectors.ts";

const ROOT = new URL("../../../../", import.meta.url);

const toGuard = VECTORS.filter(({ direction, frame }) => direction === "to-guard" && frame);
const fromGuard = VECTORS.filter(({ direction, frame }) => direction === "from-guard" && frame);
const bad = VECTORS.filter(({ direction, frame }) => direction === "from-guard" && !frame);

describe("every frame of the protocol has a vector", () => {
  test.each([
    ["to-guard", toGuard, 0x01, 0x0e],
    ["from-guard", fromGuard, 0x81, 0x8c],
  ] as const)("%s", (_direction, vectors, first, last) => {
    const types = new Set(vectors.map(({ bytes }) => bytes.readUInt8(4)));
    const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    expect([...types].sort((a, b) => a - b)).toEqual(all);
  });
});

test("the guard, and the page about the protocol, have the same types of frames", () => {
  const header = readFileSync(new URL("guard/src/frame.h", ROOT), "utf8");
  const page = readFileSync(new URL("docs/guard-protocol.md", ROOT), "utf8");
  const inGuard = [...header.matchAll(/FRAME_(\w+) = (0x\w+),/g)].map(
    ([, name, type]) => `${type} ${name}`,
  );
  const onPage = [...page.matchAll(/^### (0x\w+ \w+)$/gm)].map(([, title]) => title);
  expect(onPage).toEqual(inGuard);
  expect(onPage).toHaveLength(26);
});

test.each(toGuard)("$name is written as the guard reads it", ({ frame, bytes }) => {
  expect(encodeFrame(frame as ClientFrame).toString("hex")).toBe(bytes.toString("hex"));
});

test.each(fromGuard)("$name is read", ({ frame, bytes }) => {
  expect(decodeFrame(bytes.readUInt8(4), bytes.subarray(5))).toEqual(frame);
});

test.each(bad)("$name is refused", ({ bytes }) => {
  expect(() => decodeFrame(bytes.readUInt8(4), bytes.subarray(5))).toThrow(ProtocolError);
});

test("frames are the same, in whatever pieces they come", () => {
  const stream = Buffer.concat(fromGuard.map(({ bytes }) => bytes));
  const cuts = fc.uniqueArray(fc.nat({ max: stream.length }), { maxLength: 40 });
  fc.assert(
    fc.property(cuts, (unsorted) => {
      const ends = [...unsorted.sort((a, b) => a - b), stream.length];
      const pieces = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
      expect(parse(pieces)).toEqual(fromGuard.map(({ frame }) => frame));
    }),
  );
});

test("frames that come byte by byte are whole at their last byte", () => {
  const parser = new FrameParser();
  for (const { bytes, frame } of fromGuard as readonly (Vector & { frame: GuardFrame })[]) {
    for (const [index, byte] of bytes.entries()) {
      const frames = [...parser.push(Buffer.of(byte))];
      expect(frames).toEqual(index === bytes.length - 1 ? [frame] : []);
    }
  }
});

test("long output is given as it comes, each byte once and at its place", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 32 * 1024 }), { minLength: 1, maxLength: 5 });
  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  fc.assert(
    fc.property(lengths, cuts, (payloads, unsorted) => {
      let offset = 0;
      const sent = payloads.map((length, index) => {
        const bytes = Buffer.alloc(length, index + 1);
        const frame = outFrame(offset, bytes);
        offset += length;
        return { frame, bytes };
      });
      const stream = Buffer.concat(sent.map(({ frame }) => frame));
      const ends = [...unsorted.map((cut) => cut % stream.length), stream.length].sort(
        (a, b) => a - b,
      );
      const pieces = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
      let at = 0;
      const read: Buffer[] = [];
      for (const frame of parse(pieces)) {
        if (frame.type !== "out") throw new Error(`a frame ${frame.type}`);
        expect([frame.channel, frame.stream, frame.offset]).toEqual([7, "stderr", at]);
        at += frame.bytes.length;
        read.push(Buffer.from(frame.bytes));
      }
      expect(Buffer.concat(read).equals(Buffer.concat(sent.map(({ bytes }) => bytes)))).toBe(true);
    }),
  );
});

test("a half of a long frame of output does not wait for the other half", () => {
  const frame = outFrame(5, Buffer.alloc(32 * 1024, "x"));
  const [first] = parse([frame.subarray(0, frame.length / 2)]);
  expect(first).toMatchObject({ type: "out", channel: 7, stream: "stderr", offset: 5 });
});

function outFrame(offset: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(18);
  head.writeUInt32LE(14 + bytes.length);
  head.writeUInt8(0x86, 4);
  head.writeUInt32LE(7, 5);
  head.writeUInt8(2, 9);
  head.writeBigUInt64LE(BigInt(offset), 10);
  return Buffer.concat([head, bytes]);
}

test.each([
  ["without even a type", 0],
  ["larger than the guard ever sends", 256 * 1024 + 1],
])("a frame %s is refused before it has come", (_what, length) => {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(length);
  expect(() => parse([header])).toThrow(ProtocolError);
});

test("no bytes whatsoever do more than end the stream", () => {
  const anything = fc.uint8Array({ maxLength: 200 });
  const framed = fc.tuple(fc.integer({ min: 0x80, max: 0x8d }), anything).map(([type, payload]) => {
    const header = Buffer.alloc(5);
    header.writeUInt32LE(payload.length + 1);
    header.writeUInt8(type, 4);
    return Buffer.concat([header, payload]);
  });
  fc.assert(
    fc.property(fc.oneof(anything, framed), (bytes) => {
      try {
        parse([Buffer.from(bytes)]);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { numRuns: 2000 },
  );
});

function parse(pieces: readonly Buffer[]): readonly GuardFrame[] {
  const parser = new FrameParser();
  return pieces.flatMap((piece) => [...parser.push(piece)]);
}
