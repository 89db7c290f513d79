import fc from "fast-check";
import type { OutputFrame } from "@deckhand/core";
import { expect, test } from "vitest";
import type { ExecutionFrame } from "../output/merged-frames.ts";
import { OutputEvents, toOutputFrame } from "./output-frames.ts";

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: "binary", maxLength: 200 }).map((text) => Buffer.from(text)),
  fc
    .constantFrom('\u0000\u001f\u007f"\\\b\f\n\r\t</script>\u2028\ufeff', "\ufeffé漢🚢")
    .map((text) => Buffer.from(text)),
  fc.constantFrom(
    Buffer.alloc(65_000, "\u0001"),
    Buffer.alloc(65_000, 0xff),
    Buffer.alloc(120_001, 0xff),
    Buffer.alloc(65_000, "é\n"),
  ),
);

const frame: fc.Arbitrary<ExecutionFrame> = fc.record({
  executionId: fc.constantFrom("exe_1", "exe_2"),
  seq: fc.nat(),
  atMs: fc.integer({ min: 0, max: 2 ** 42 }),
  stream: fc.constantFrom("stdout" as const, "stderr" as const),
  payload,
});

test("the bytes of events say the same as the frames, whatever is in them", () => {
  const names: Record<string, string> = { exe_1: "web", exe_2: 'na"me é 漢' };
  const nameOf = (id: string) => names[id] ?? "";
  fc.assert(
    fc.property(fc.array(fc.array(frame, { maxLength: 8 }), { maxLength: 3 }), (rounds) => {
      const events = new OutputEvents("text");
      for (const frames of rounds) {
        const text = toTexts(events.encode(frames, nameOf)).join("");
        const expected = frames.map((one) => ({
          id: one.seq,
          data: toOutputFrame(one, nameOf(one.executionId)),
        }));
        expect(parse(text)).toEqual(expected);
      }
    }),
  );
});

test("whoever asks for it gets all bytes in base64", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), (frames) => {
      const text = toTexts(new OutputEvents("base64").encode(frames, () => "web")).join("");
      const expected = frames.map(({ seq, payload: bytes }) => [seq, bytes.toString("base64")]);
      const told = parse(text).map(({ id, data }) => [id, data.base64]);
      expect(told).toEqual(expected);
    }),
  );
});

test("much output comes in few blocks, each of whole events", () => {
  const frames = Array.from({ length: 40 }, (_, index) => ({
    executionId: "exe_1",
    seq: index + 1,
    atMs: 0,
    stream: "stdout" as const,
    payload: Buffer.alloc(20_000, "line\n"),
  }));
  const blocks = toTexts(new OutputEvents("text").encode(frames, () => "web"));
  expect(blocks.length).toBeLessThan(8);
  for (const block of blocks) expect(block).toMatch(/^id: [^]*\}\n\n$/);
});

/** Each block is good until the next is asked for. */
function toTexts(blocks: Iterable<Buffer>): string[] {
  const texts: string[] = [];
  for (const block of blocks) texts.push(block.toString());
  return texts;
}

function parse(text: string): { id: number; data: OutputFrame }[] {
  return text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const [, id, data] = /^id: (\d+)\nevent: output\ndata: (.*)$/s.exec(event) ?? [];
      return { id: Number(id), data: JSON.parse(data ?? "") as OutputFrame };
    });
}
