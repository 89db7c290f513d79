import { expect, test } from "vitest";
import { LARGE_BLOCK_BYTES, RecentOutput } from "./recent-output.ts";

const MOST_BYTES = 4 * 1024 * 1024;

function filled(recent: RecentOutput, bytes: number, value: number): Buffer {
  return recent.takeBuffer(bytes).subarray(0, bytes).fill(value);
}

test("the newest blocks of a file are found by any offset in them, older ones are not", () => {
  const recent = new RecentOutput(MOST_BYTES);
  const file = recent.open("/run/one", 100);
  for (let round = 0; round < 100; round++) file.grow(filled(recent, LARGE_BLOCK_BYTES, round));
  const known = recent.find("/run/one");
  const end = 100 + 100 * LARGE_BLOCK_BYTES;
  expect(known?.end).toBe(end);
  expect(known?.find(end)).toBeUndefined();
  expect(known?.find(end - 1)?.bytes[0]).toBe(99);
  expect(known?.find(end - LARGE_BLOCK_BYTES - 1)?.bytes[0]).toBe(98);
  expect(known?.find(100)).toBeUndefined();
});

test("one that writes much pushes out the others, and what is closed is forgotten with its last block", () => {
  const recent = new RecentOutput(MOST_BYTES);
  const quiet = recent.open("/run/quiet", 0);
  quiet.grow(filled(recent, 10, 1));
  quiet.close();
  expect(recent.find("/run/quiet")?.find(0)?.bytes.length).toBe(10);
  const loud = recent.open("/run/loud", 0);
  for (let round = 0; round < 20; round++) loud.grow(filled(recent, LARGE_BLOCK_BYTES, round));
  expect(recent.find("/run/quiet")).toBeUndefined();
  expect(recent.find("/run/loud")).toBeDefined();
});

test("a block that is read is not overwritten, and is used again when it was read, though it is long forgotten", () => {
  const recent = new RecentOutput(MOST_BYTES);
  const file = recent.open("/run/one", 0);
  file.grow(filled(recent, LARGE_BLOCK_BYTES, 1));
  const block = recent.find("/run/one")?.find(0);
  if (!block) throw new Error("it is not there");
  block.pin();
  const buffers = new Set<ArrayBufferLike>();
  for (let round = 0; round < 100; round++) {
    const bytes = filled(recent, LARGE_BLOCK_BYTES, 2);
    buffers.add(bytes.buffer);
    file.grow(bytes);
  }
  expect(block.bytes.every((byte) => byte === 1)).toBe(true);
  expect(buffers.size).toBeLessThanOrEqual(MOST_BYTES / LARGE_BLOCK_BYTES + 1);
  block.release();
  expect(recent.takeBuffer(LARGE_BLOCK_BYTES).buffer).toBe(block.bytes.buffer);
});
