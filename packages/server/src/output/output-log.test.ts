import { createHash, type Hash, randomBytes } from "node:crypto";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OpenedDatabase, openDatabase } from "../database/open-database.ts";
import type { OutputStream } from "../engines/engine.ts";
import type { ExecutionFrame } from "./merged-frames.ts";
import { fileOutputLog, type OutputCursor, type OutputLog } from "./output-log.ts";
import type { OutputTotals, OutputWriter } from "./output-writer.ts";
import { insertShortOutput, shortOutputs } from "./short-outputs.ts";

const RUN = "run_01k9g4z7e00000000000000000";
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

let folder: string;
let directory: string;
let database: OpenedDatabase;
let log: OutputLog;
let flushed: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-output-"));
  directory = join(folder, "output");
  await mkdir(directory);
  database = await openDatabase(folder);
  flushed = 0;
  log = openLog();
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

function openLog(): OutputLog {
  return fileOutputLog({
    directory,
    short: shortOutputs(database.db),
    now: () => 1_763_000_000_000,
    onFlushed: () => (flushed += 1),
  });
}

/** Closes a writer and writes down what it gives, as the end of an execution does. */
async function end(writer: OutputWriter, execution: number): Promise<OutputTotals> {
  const totals = await writer.close({ hasEnd: true });
  const owner = { runId: RUN, executionId: executionId(execution) };
  if (totals.short) await insertShortOutput(database.db, owner, totals.short);
  await writer.wasWritten();
  return totals;
}

interface Piece {
  readonly execution: number;
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
}

const piece: fc.Arbitrary<Piece> = fc.record({
  execution: fc.integer({ min: 0, max: 3 }),
  stream: fc.constantFrom<OutputStream>("stdout", "stderr"),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: "grapheme", maxLength: 60 }).map((text) => Buffer.from(text)),
    fc.constant(Buffer.alloc(70_000, "é")),
  ),
});

function executionId(execution: number): string {
  return `exe_${String(execution).padStart(26, "0")}`;
}

function isLog(name: string): boolean {
  return name.endsWith(".log");
}

async function readAll(cursor: OutputCursor): Promise<ExecutionFrame[]> {
  const all: ExecutionFrame[] = [];
  for (let frames = await cursor.next(7); frames.length > 0; frames = await cursor.next(7))
    all.push(...frames);
  return all;
}

async function rawOf(execution: number, stream: OutputStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const bytes of log.readRaw(RUN, executionId(execution), stream)) pieces.push(bytes);
  return Buffer.concat(pieces);
}

test("what executions write side by side comes back byte for byte, in order, from any place", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 60 }), fc.nat(), async (pieces, place) => {
      await log.deleteRun(RUN);
      log.closeRun(RUN);
      const writers = await Promise.all(
        [0, 1, 2, 3].map((execution) =>
          log.openWriter({ runId: RUN, executionId: executionId(execution), limitBytes: NO_LIMIT }),
        ),
      );
      await Promise.all(
        pieces.map(async ({ execution, stream, bytes }) =>
          writers[execution]?.append(stream, bytes),
        ),
      );
      // Every other one is cut off by the end of the server.
      await Promise.all(
        writers.map((writer, execution) =>
          execution % 2 === 0 ? end(writer, execution) : writer.close({ hasEnd: false }),
        ),
      );
      const executionIds = [0, 1, 2, 3].map(executionId);
      const frames = await readAll(log.openCursor(RUN, { executionIds, after: 0 }));
      expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, index) => index + 1));
      for (const execution of [0, 1, 2, 3]) {
        for (const stream of ["stdout", "stderr"] as const) {
          const written = Buffer.concat(
            pieces
              .filter((one) => one.execution === execution && one.stream === stream)
              .map((one) => one.bytes),
          );
          expect((await rawOf(execution, stream)).equals(written)).toBe(true);
        }
      }
      const after = frames.length === 0 ? 0 : place % frames.length;
      const rest = await readAll(log.openCursor(RUN, { executionIds, after }));
      expect(rest.map(({ seq }) => seq)).toEqual(frames.slice(after).map(({ seq }) => seq));
    }),
    { numRuns: 60 },
  );
});

test("a follower that reads while four executions write sees every frame once and in order", async () => {
  const executionIds = [0, 1, 2, 3].map(executionId);
  const cursor = log.openCursor(RUN, { executionIds, after: 0 });
  const seen: number[] = [];
  const writers = await Promise.all(
    executionIds.map((id) => log.openWriter({ runId: RUN, executionId: id, limitBytes: NO_LIMIT })),
  );
  const writing = Promise.all(
    writers.map(async (writer, index) => {
      for (let line = 0; line < 300; line++) {
        await writer.append("stdout", Buffer.alloc(1 + ((line * 37 * (index + 1)) % 5000), "x"));
        if (line % 5 === index) await new Promise(setImmediate);
      }
      await writer.close({ hasEnd: false });
    }),
  );
  let ended = false;
  void writing.then(() => (ended = true));
  for (let last = false; ; ) {
    const frames = await cursor.next(50);
    seen.push(...frames.map(({ seq }) => seq));
    if (frames.length > 0) continue;
    if (last) break;
    last = ended;
    await new Promise(setImmediate);
  }
  expect(seen).toEqual(seen.map((_, index) => index + 1));
  expect(seen.length).toBeGreaterThan(4);
});

test("a character is never split between two frames", async () => {
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
  });
  const text = "naïve 漢字 🚢 ".repeat(5000);
  for (const byte of Buffer.from(text).subarray(0, 3000))
    await writer.append("stdout", Buffer.of(byte));
  await writer.append("stdout", Buffer.from(text).subarray(3000));
  await writer.close({ hasEnd: false });
  const frames = await readAll(log.openCursor(RUN, { executionIds: [executionId(0)], after: 0 }));
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  expect(frames.map((frame) => strict.decode(frame.payload)).join("")).toBe(text);
});

test("output beyond the limit is counted, not kept, and the execution is marked truncated", async () => {
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: 1000,
  });
  for (let round = 0; round < 30; round++) await writer.append("stderr", Buffer.alloc(100, "y"));
  const totals = await writer.close({ hasEnd: false });
  expect(totals).toMatchObject({ stderrBytes: 3000, storedBytes: 1000, truncated: true });
  expect((await rawOf(0, "stderr")).length).toBe(1000);
});

test("a follower that lags far behind, one that keeps up and one that keeps what it got read the same", async () => {
  const executionIds = [executionId(0)];
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
  });
  const near = log.openCursor(RUN, { executionIds, after: 0 });
  const far = log.openCursor(RUN, { executionIds, after: 0 });
  const slow = log.openCursor(RUN, { executionIds, after: 0 });
  const hashes = {
    written: createHash("sha256"),
    near: createHash("sha256"),
    far: createHash("sha256"),
    slow: createHash("sha256"),
  };
  const follow = async (cursor: OutputCursor, hash: Hash, rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const frames = await cursor.next(3);
      for (const frame of frames) hash.update(frame.payload);
      cursor.release();
      if (frames.length === 0) return;
    }
  };
  let kept: Awaited<ReturnType<OutputCursor["next"]>> = [];
  for (let round = 0; round < 120; round++) {
    // Until it lets go, more is written than is kept in memory.
    if (kept.length === 0) kept = await slow.next();
    const bytes = randomBytes(100_000);
    hashes.written.update(bytes);
    await writer.append("stdout", bytes);
    await follow(near, hashes.near, 5);
    if (round % 10 === 0) await follow(far, hashes.far, 1);
  }
  await writer.close({ hasEnd: false });
  for (const frame of kept) hashes.slow.update(frame.payload);
  slow.release();
  await follow(near, hashes.near, 10_000);
  await follow(far, hashes.far, 10_000);
  await follow(slow, hashes.slow, 10_000);
  const { near: byNear, far: byFar, slow: bySlow, written } = hashes;
  const read = [byNear, byFar, bySlow].map((hash) => hash.digest("hex"));
  expect(new Set([written.digest("hex"), ...read]).size).toBe(1);
});

test("output that waits while the disk is busy becomes few frames, and streams keep their order", async () => {
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
  });
  for (let line = 0; line < 1000; line++)
    void writer.append(line < 500 ? "stdout" : "stderr", Buffer.from(`${line}\n`));
  await writer.close({ hasEnd: false });
  const frames = await readAll(log.openCursor(RUN, { executionIds: [executionId(0)], after: 0 }));
  expect(frames.map(({ stream }) => stream)).toEqual(["stdout", "stderr"]);
  expect(Buffer.concat(frames.map(({ payload }) => payload)).toString()).toBe(
    Array.from({ length: 1000 }, (_, line) => `${line}\n`).join(""),
  );
});

test("where the disk takes nothing, output is counted and what was told as kept can be read", async () => {
  await writeFile(join(directory, RUN.slice(4, 9)), "in the way");
  const stored: unknown[] = [];
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
    onStored: (taken) => stored.push(taken),
  });
  for (let round = 0; round < 30; round++) await writer.append("stdout", Buffer.alloc(100_000));
  const totals = await writer.close({ hasEnd: false });
  expect(totals).toMatchObject({ stdoutBytes: 3_000_000, storedBytes: 0, truncated: true });
  expect(totals.problem).toBeInstanceOf(Error);
  expect(stored.length).toBeGreaterThan(0);
});

test("a torn last frame, as a crash leaves it, is the end and not an error", async () => {
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
  });
  await writer.append("stdout", Buffer.from("first\n"));
  await expect.poll(async () => (await rawOf(0, "stdout")).toString()).toBe("first\n");
  await writer.append("stdout", Buffer.from("second\n"));
  await writer.close({ hasEnd: false });
  const [file] = (await readdir(directory, { recursive: true })).filter(isLog);
  const path = join(directory, file ?? "");
  log = openLog();
  const { size } = await stat(path);
  await truncate(path, size - 3);
  expect((await rawOf(0, "stdout")).toString()).toBe("first\n");
  await appendFile(path, Buffer.alloc(100, 0xff));
  expect((await rawOf(0, "stdout")).toString()).toBe("first\n");
});

test("what is little is in no file, can be read once it is written down with the end, and goes with its run", async () => {
  const options = { runId: RUN, executionId: executionId(0), limitBytes: NO_LIMIT };
  const cursor = log.openCursor(RUN, { executionIds: [0, 1].map(executionId), after: 0 });
  const writer = await log.openWriter(options);
  const beside = await log.openWriter({ ...options, executionId: executionId(1) });
  await writer.append("stdout", Buffer.from("little"));
  await writer.append("stderr", Buffer.from("more"));
  const totals = await writer.close({ hasEnd: true });
  expect(totals).toMatchObject({ storedBytes: 10, short: { lastSeq: 2 } });
  await beside.append("stdout", Buffer.alloc(10_000, "x"));
  await beside.close({ hasEnd: true });
  const frames = readAll(cursor);
  const owner = { runId: RUN, executionId: executionId(0) };
  await insertShortOutput(database.db, owner, totals.short ?? expect.unreachable());
  await writer.wasWritten();
  expect((await frames).map(({ seq, payload }) => [seq, payload.length])).toEqual([
    [1, 6],
    [2, 4],
    [3, 10_000],
  ]);
  expect((await readdir(directory, { recursive: true })).filter(isLog)).toHaveLength(1);
  log = openLog();
  expect((await rawOf(0, "stderr")).toString()).toBe("more");
  await log.deleteRun(RUN);
  expect((await rawOf(0, "stdout")).length).toBe(0);
  expect((await rawOf(1, "stdout")).length).toBe(0);
});

test("output that nobody waited for is in a file, however little it is", async () => {
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
  });
  await writer.append("stdout", Buffer.from("first\n"));
  await expect.poll(async () => (await rawOf(0, "stdout")).toString()).toBe("first\n");
  await writer.append("stdout", Buffer.from("second\n"));
  expect((await end(writer, 0)).short).toBeUndefined();
  expect((await rawOf(0, "stdout")).toString()).toBe("first\nsecond\n");
});

test("numbers go on after a restart of the server", async () => {
  const first = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
  });
  await first.append("stdout", Buffer.from("before"));
  await first.close({ hasEnd: false });
  log = openLog();
  const second = await log.openWriter({
    runId: RUN,
    executionId: executionId(1),
    limitBytes: NO_LIMIT,
  });
  await second.append("stdout", Buffer.from("after"));
  await end(second, 1);
  const frames = await readAll(
    log.openCursor(RUN, { executionIds: [0, 1].map(executionId), after: 0 }),
  );
  expect(frames.map((frame) => [frame.seq, frame.payload.toString()])).toEqual([
    [1, "before"],
    [2, "after"],
  ]);
});

test("an execution that wrote nothing has no file and an empty output", async () => {
  const writer = await log.openWriter({
    runId: RUN,
    executionId: executionId(0),
    limitBytes: NO_LIMIT,
  });
  expect(await writer.close({ hasEnd: false })).toMatchObject({
    stdoutBytes: 0,
    storedBytes: 0,
    truncated: false,
  });
  expect(await readdir(directory)).toEqual([]);
  expect((await rawOf(0, "stdout")).length).toBe(0);
});

test("a writer that goes on tells what an earlier one has left on the disk, before anything new comes", async () => {
  const options = { runId: RUN, executionId: executionId(0), limitBytes: NO_LIMIT };
  const before = await log.openWriter(options);
  await before.append("stdout", Buffer.from("taken"));
  await before.append("stderr", Buffer.from("up"));
  await before.close({ hasEnd: false });
  const told = Promise.withResolvers<unknown>();
  log = openLog();
  const after = await log.openWriter({ ...options, resume: true, onStored: told.resolve });
  expect(await told.promise).toEqual({ stdout: 5, stderr: 2 });
  await after.append("stdout", Buffer.from(" again"));
  await after.close({ hasEnd: true });
  expect((await rawOf(0, "stdout")).toString()).toBe("taken again");
});
