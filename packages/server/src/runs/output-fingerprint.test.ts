import fc from "fast-check";
import { expect, test } from "vitest";
import type { OutputStream } from "../engines/engine.ts";
import type { LoggedFrame } from "../output/frame-codec.ts";
import { type OutputFingerprint, readFingerprint } from "./output-fingerprint.ts";
import type { ExecutionRow } from "./run-store.ts";

interface Piece {
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
}

const MIB = 1024 * 1024;

/** What of a row the fingerprint looks at. */
function toRow(pieces: readonly Piece[], name = "pg-1"): ExecutionRow {
  const bytesOf = (wanted: OutputStream) =>
    pieces.reduce((sum, { stream, bytes }) => sum + (stream === wanted ? bytes.length : 0), 0);
  const row = {
    id: "exe_1",
    run_id: "run_1",
    target_name: name,
    container_id: "f1d1c0ffee00112233",
    stdout_bytes: bytesOf("stdout"),
    stderr_bytes: bytesOf("stderr"),
    truncated: 0,
  };
  return row as unknown as ExecutionRow;
}

function fingerprint(pieces: readonly Piece[], name?: string): Promise<OutputFingerprint> {
  const frames = pieces.map(({ stream, bytes }, at) => ({
    seq: at + 1,
    atMs: 0,
    stream,
    payload: Buffer.from(bytes),
  }));
  async function* readFrames(): AsyncGenerator<readonly LoggedFrame[]> {
    for (const frame of frames) yield [frame];
  }
  return readFingerprint({ readFrames }, toRow(pieces, name));
}

const onStdout = (text: string): Piece => ({ stream: "stdout", bytes: Buffer.from(text) });

/** Cuts at the places given, wherever they fall. */
function cut({ stream, bytes }: Piece, places: readonly number[]): Piece[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length];
  let from = 0;
  return ends
    .sort((one, other) => one - other)
    .map((end) => {
      const piece = { stream, bytes: bytes.subarray(from, end) };
      from = end;
      return piece;
    });
}

test("where the log divides the output does not matter, nor how the two streams are mixed", async () => {
  const text = fc
    .array(
      fc.constantFrom("at 12:00:01\n", "took 3 ms", "\n", "é😀", "x".repeat(70_000), "pid 7 \r"),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join(""));
  const places = fc.array(fc.nat(), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(text, text, places, async (stdout, stderr, cuts) => {
      const whole: Piece[] = [
        { stream: "stdout", bytes: Buffer.from(stdout) },
        { stream: "stderr", bytes: Buffer.from(stderr) },
      ];
      const [out = [], err = []] = whole.map((piece) => cut(piece, cuts));
      const mixed = out.flatMap((piece, at) => [err[at] as Piece, piece]);
      expect(await fingerprint(mixed)).toEqual(await fingerprint(whole));
    }),
    { numRuns: 100 },
  );
});

test("times and the own name make no difference, numbers and the stream do", async () => {
  const one = await fingerprint([onStdout("pg-1 at 2026-11-20 21:00:00: 3 rows\n")], "pg-1");
  const other = await fingerprint([onStdout("pg-22 at 2026-11-21 03:17:09: 3 rows")], "pg-22");
  expect(other.normalised).toBe(one.normalised);
  expect(other.exact).not.toBe(one.exact);
  const more = await fingerprint([onStdout("pg-1 at 2026-11-20 21:00:00: 4 rows\n")], "pg-1");
  expect(more.normalised).not.toBe(one.normalised);
  const asError = await fingerprint([
    { stream: "stderr", bytes: Buffer.from("pg-1 at 2026-11-20 21:00:00: 3 rows\n") },
  ]);
  expect(asError.normalised).not.toBe(one.normalised);
});

test("only the first 8 MiB of a stream are compared, and it is said", async () => {
  const line = Buffer.from("some line of text of which there are many\n".repeat(1_000));
  const blocks = Math.ceil((8 * MIB) / line.length);
  const long = Array.from({ length: blocks }, (): Piece => ({ stream: "stdout", bytes: line }));
  const one = await fingerprint([...long, onStdout("one end")]);
  const other = await fingerprint([...long, onStdout("another")]);
  expect(one).toEqual(other);
  expect(one.shortened).toBe(true);
  expect((await fingerprint([onStdout("short")])).shortened).toBe(false);
});
