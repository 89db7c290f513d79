import fc from "fast-check";
import { expect, test } from "vitest";
import type { OutputStream } from "../engine.ts";
import { Demultiplexer } from "./demultiplexer.ts";

const frame = fc.record({
  stream: fc.constantFrom<OutputStream>("stdout", "stderr"),
  payload: fc.uint8Array({ maxLength: 300 }),
});

function encode({
  stream,
  payload,
}: {
  readonly stream: OutputStream;
  readonly payload: Uint8Array;
}): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === "stdout" ? 1 : 2;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

test("payloads come out whole and on their stream at any split of the bytes", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(encode));
        const places = [
          0,
          ...cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other),
          bytes.length,
        ];
        const demultiplexer = new Demultiplexer();
        const chunks = places
          .slice(1)
          .flatMap((end, index) => demultiplexer.push(bytes.subarray(places[index], end)));
        for (const stream of ["stdout", "stderr"] as const) {
          const read = Buffer.concat(
            chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.bytes),
          );
          const sent = Buffer.concat(
            frames.filter((one) => one.stream === stream).map((one) => one.payload),
          );
          expect(read.equals(sent)).toBe(true);
        }
      },
    ),
  );
});

test("small frames of one stream that come together are handed on together", () => {
  const frames = Array.from({ length: 16 }, (_, index) =>
    encode({ stream: index < 12 ? "stdout" : "stderr", payload: Buffer.alloc(4096, index) }),
  );
  const chunks = new Demultiplexer().push(Buffer.concat(frames));
  expect(chunks.map(({ stream, bytes }) => [stream, bytes.length])).toEqual([
    ["stdout", 12 * 4096],
    ["stderr", 4 * 4096],
  ]);
  expect(chunks.map(({ bytes }) => bytes[4096])).toEqual([1, 13]);
});

test("bytes that are no frame are an error, not output", () => {
  expect(() => new Demultiplexer().push(Buffer.from("HTTP/1.1 500 oops"))).toThrow(/not a frame/);
});
