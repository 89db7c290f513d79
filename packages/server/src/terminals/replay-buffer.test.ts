import fc from "fast-check";
import { expect, test } from "vitest";
import { replayBuffer } from "./replay-buffer.ts";

test("the last bytes are kept with their offsets, however they came in and are read", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 40 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 64 }), fc.nat(200), (written, capacity, most) => {
      const buffer = replayBuffer(capacity);
      const all: number[] = [];
      for (const piece of written) {
        buffer.append(piece);
        all.push(...piece);
        expect(buffer.end).toBe(all.length);
        expect(buffer.start).toBe(Math.max(0, all.length - capacity));
        for (const from of [buffer.start, buffer.start + 1, buffer.end - 1]) {
          const expected = from < buffer.start ? [] : all.slice(from, from + most);
          expect([...buffer.read(from, most)]).toEqual(expected);
        }
      }
    }),
  );
});

test("more than its first size is kept when the capacity allows", () => {
  const buffer = replayBuffer(100_000);
  const bytes = Buffer.from(Array.from({ length: 250_000 }, (_, index) => index % 251));
  for (let at = 0; at < bytes.length; at += 7_000) buffer.append(bytes.subarray(at, at + 7_000));
  expect(buffer.start).toBe(150_000);
  expect(Buffer.compare(buffer.read(150_000, 100_000), bytes.subarray(150_000))).toBe(0);
});

test("what was read stays as it was when more comes in", () => {
  const buffer = replayBuffer(4);
  buffer.append(Buffer.from("abcd"));
  const before = buffer.read(0, 4);
  buffer.append(Buffer.from("wxyz"));
  expect(Buffer.from(before).toString()).toBe("abcd");
  expect([...buffer.read(0, 4)]).toEqual([]);
});
