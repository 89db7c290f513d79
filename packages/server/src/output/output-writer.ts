import { constants, type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { OutputStream } from "../engines/engine.ts";
import { PendingOutput } from "./pending-output.ts";
import { type GrowingFile, LARGE_BLOCK_BYTES, type RecentOutput } from "./recent-output.ts";
import type { RunSequence } from "./run-sequence.ts";
import type { ShortOutput } from "./short-outputs.ts";
import { incompleteTailBytes } from "./utf8-boundary.ts";

/** Waiting output is written after this time, or when there is so much of it: few large frames cost less than many small. */
const FLUSH_AFTER_MS = 5;
/** The first of it gets longer: most scripts say little and end. */
const FIRST_FLUSH_AFTER_MS = 20;
/** What ended before it was written, and takes no more than this, needs no file. */
const SHORT_BYTES = 8 * 1024;
const FLUSH_BYTES = 256 * 1024;
/** Bytes that are written and not yet brought to the disk are so after this time, or when they are so many. */
const SYNC_AFTER_MS = 200;
const SYNC_BYTES = 512 * 1024;
/** Above this many waiting bytes `append` waits for the disk. */
const HIGH_WATER_BYTES = 1024 * 1024;

export interface OutputWriterOptions {
  readonly path: string;
  readonly sequence: Promise<RunSequence>;
  readonly recent: RecentOutput;
  /** Payload bytes that are kept; what comes after is counted only. */
  readonly limitBytes: number;
  readonly now: () => number;
  readonly onFlushed: (bytes: number) => void;
  /** What an earlier writer of the same file left; undefined for a new file. */
  readonly resumed?: ResumedFile | undefined;
  /** Says how much of each stream was taken and is on the disk by now. */
  readonly onStored?: ((taken: StoredBytes) => void) | undefined;
}

export interface ResumedFile {
  /** Where its last whole frame ends; what is behind that was torn. */
  readonly bytes: number;
  readonly stored: StoredBytes;
}

export interface StoredBytes {
  readonly stdout: number;
  readonly stderr: number;
}

export interface OutputTotals {
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly storedBytes: number;
  readonly truncated: boolean;
  /** All that is kept, when it is in no file: to be written down with the end. */
  readonly short?: ShortOutput | undefined;
  /** What the disk said when writing failed; nothing is kept after that. */
  readonly problem: unknown;
}

/** Appends one execution's output to its file; whole characters stay in one frame. */
export class OutputWriter {
  readonly #options: OutputWriterOptions;
  readonly #held: Record<OutputStream, Buffer> = {
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
  };
  readonly #seen: Record<OutputStream, number> = { stdout: 0, stderr: 0 };
  #written: StoredBytes = { stdout: 0, stderr: 0 };
  #fileBytes = 0;
  #unsyncedBytes = 0;
  #flushTimer: NodeJS.Timeout | undefined;
  #isClosing = false;
  #short: ShortOutput | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  readonly #pending = new PendingOutput();
  readonly #growing: GrowingFile;
  #storedBytes = 0;
  #truncated = false;
  #problem: unknown;
  #file: FileHandle | undefined;
  #opening: Promise<FileHandle> | undefined;
  #flushing: Promise<void> | undefined;

  constructor(options: OutputWriterOptions) {
    this.#options = options;
    this.#growing = options.recent.open(options.path, options.resumed?.bytes ?? 0);
    if (!options.resumed) return;
    const { stdout, stderr } = options.resumed.stored;
    this.#seen.stdout = stdout;
    this.#seen.stderr = stderr;
    this.#storedBytes = stdout + stderr;
    this.#fileBytes = options.resumed.bytes;
    this.#written = { stdout, stderr };
    // Whoever sent it may wait for this word before it sends more, and what is in the file need not be on the disk yet.
    this.#syncSoon(SYNC_BYTES);
  }

  /** Takes a piece; resolves at once while the disk keeps up. Never throws: see `totals.problem`. */
  async append(stream: OutputStream, bytes: Uint8Array): Promise<void> {
    this.#seen[stream] += bytes.length;
    this.#add(stream, this.#withHeld(stream, bytes));
    this.#flushSoon();
    if (this.#pending.isEmpty && !this.#flushing) this.#nothingToWrite(bytes.length);
    if (this.#pending.totalBytes > HIGH_WATER_BYTES) await this.#flushing;
  }

  /** What is not kept was taken all the same. */
  #nothingToWrite(bytes: number): void {
    this.#written = this.#taken();
    this.#syncSoon(bytes);
  }

  /** Counts output that was dropped before it came here. */
  countDropped(stream: OutputStream, bytes: number): void {
    if (bytes === 0) return;
    this.#seen[stream] += bytes;
    this.#truncated = true;
  }

  /**
   * Writes what is held, brings it to the disk and closes the file. What is little and in no file is given instead, where
   * there is an end to write it down with.
   */
  async close({ hasEnd }: { readonly hasEnd: boolean }): Promise<OutputTotals> {
    this.#isClosing = true;
    for (const stream of ["stdout", "stderr"] as const) {
      const held = this.#held[stream];
      this.#held[stream] = Buffer.alloc(0);
      this.#add(stream, held);
    }
    clearTimeout(this.#flushTimer);
    if (hasEnd && this.#isShort) await this.#takeShort();
    else await this.#finishFile();
    clearTimeout(this.#syncTimer);
    this.#growing.close();
    return this.totals;
  }

  /** What `close` gave was written down, if it could be: others, who wait for that, may read it and what comes behind it in the run. */
  async wasWritten(): Promise<void> {
    if (!this.#short) return;
    const { recent, path, sequence } = this.#options;
    // Up to here whoever reads it had to look into the database.
    const growing = recent.open(path, 0);
    growing.grow(this.#short.frames);
    growing.close();
    (await sequence).flushed(this);
    this.#options.onFlushed(this.#storedBytes);
  }

  get #isShort(): boolean {
    const hasFile = this.#opening ?? this.#flushing ?? this.#options.resumed;
    return !hasFile && this.#pending.mostEncodedBytes <= SHORT_BYTES;
  }

  async #takeShort(): Promise<void> {
    const sequence = this.#pending.isEmpty ? undefined : await this.#findSequence();
    if (!sequence) return;
    let lastSeq = 0;
    const room = this.#options.recent.takeBuffer(this.#pending.mostEncodedBytes);
    const frames = this.#pending.encode(room, () => (lastSeq = sequence.take(this)));
    sequence.commits(this);
    this.#short = { frames, lastSeq };
  }

  async #finishFile(): Promise<void> {
    do {
      this.#startFlush();
      await this.#flushing;
    } while (!this.#pending.isEmpty);
    clearTimeout(this.#syncTimer);
    await this.#syncing;
    await this.#closeFile();
  }

  get totals(): OutputTotals {
    return {
      stdoutBytes: this.#seen.stdout,
      stderrBytes: this.#seen.stderr,
      storedBytes: this.#storedBytes,
      truncated: this.#truncated,
      short: this.#short,
      problem: this.#problem,
    };
  }

  #withHeld(stream: OutputStream, bytes: Uint8Array): Buffer {
    const held = this.#held[stream];
    const all = held.length === 0 ? toBuffer(bytes) : Buffer.concat([held, bytes]);
    const tail = incompleteTailBytes(all);
    this.#held[stream] = all.subarray(all.length - tail);
    return all.subarray(0, all.length - tail);
  }

  #add(stream: OutputStream, bytes: Buffer): void {
    const room = this.#problem ? 0 : this.#options.limitBytes - this.#storedBytes;
    const kept =
      bytes.length > room ? wholeCharacters(bytes.subarray(0, Math.max(0, room))) : bytes;
    if (kept.length < bytes.length) this.#truncated = true;
    this.#storedBytes += kept.length;
    this.#pending.add({ stream, atMs: this.#options.now(), bytes: kept });
  }

  #flushSoon(): void {
    if (this.#pending.totalBytes >= FLUSH_BYTES) this.#startFlush();
    else if (!this.#pending.isEmpty)
      this.#flushTimer ??= setTimeout(
        () => setImmediate(() => this.#flushUnlessClosing()),
        this.#opening ? FLUSH_AFTER_MS : FIRST_FLUSH_AFTER_MS,
      );
  }

  /** An end that has come in by now, and is only to be read, makes a file needless. */
  #flushUnlessClosing(): void {
    if (!this.#isClosing) this.#startFlush();
  }

  #startFlush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#flushing || this.#pending.isEmpty) return;
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined;
      this.#flushSoon();
    });
  }

  async #flush(): Promise<void> {
    const { recent, onFlushed } = this.#options;
    const sequence = await this.#findSequence();
    while (sequence && !this.#pending.isEmpty) {
      const before = this.#pending.totalBytes;
      const room = recent.takeBuffer(Math.min(LARGE_BLOCK_BYTES, this.#pending.mostEncodedBytes));
      const block = this.#pending.encode(room, () => sequence.take(this));
      const bytes = before - this.#pending.totalBytes;
      const taken = this.#taken();
      await this.#write(block, bytes);
      sequence.flushed(this);
      onFlushed(bytes);
      this.#written = taken;
      this.#syncSoon(bytes);
      if (this.#pending.totalBytes < FLUSH_BYTES) break;
    }
  }

  async #findSequence(): Promise<RunSequence | undefined> {
    try {
      return await this.#options.sequence;
    } catch (error) {
      await this.#fail(error, 0);
      return undefined;
    }
  }

  /** What whoever sent the output need not keep any more; a stream's unfinished character still has to be kept. */
  #taken(): StoredBytes {
    return {
      stdout: this.#seen.stdout - this.#held.stdout.length - this.#pending.bytes.stdout,
      stderr: this.#seen.stderr - this.#held.stderr.length - this.#pending.bytes.stderr,
    };
  }

  #syncSoon(bytes: number): void {
    if (!this.#options.onStored) return;
    this.#unsyncedBytes += bytes;
    if (this.#unsyncedBytes >= SYNC_BYTES) this.#startSync();
    else this.#syncTimer ??= setTimeout(() => this.#startSync(), SYNC_AFTER_MS);
  }

  #startSync(): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    if (this.#syncing || this.#unsyncedBytes === 0) return;
    this.#syncing = this.#sync().finally(() => {
      this.#syncing = undefined;
      if (this.#unsyncedBytes > 0) this.#syncSoon(0);
    });
  }

  /** Only what is written by now counts: what waits in memory is not on the disk. */
  async #sync(): Promise<void> {
    const written = this.#written;
    this.#unsyncedBytes = 0;
    try {
      if (this.#options.resumed) await this.#openOnce();
      await this.#file?.datasync();
    } catch (error) {
      this.#problem ??= error;
    }
    this.#options.onStored?.(written);
  }

  async #write(block: Buffer, payloadBytes: number): Promise<void> {
    try {
      const file = this.#file ?? (await this.#openOnce());
      await writeAll(file, block, this.#fileBytes);
      this.#fileBytes += block.length;
      this.#growing.grow(block);
    } catch (error) {
      await this.#fail(error, payloadBytes);
    }
  }

  async #openOnce(): Promise<FileHandle> {
    this.#opening ??= this.#open();
    this.#file = await this.#opening;
    return this.#file;
  }

  async #open(): Promise<FileHandle> {
    const { path, resumed } = this.#options;
    if (!resumed) return openNew(path);
    const file = await open(path, constants.O_RDWR);
    // What is behind the last whole frame would hide everything that comes after it.
    await file.truncate(resumed.bytes);
    return file;
  }

  /** Nothing of the block is kept, nor of what waits. */
  async #fail(error: unknown, payloadBytes: number): Promise<void> {
    await this.#file?.truncate(this.#fileBytes).catch(() => undefined);
    this.#problem = error;
    this.#truncated = true;
    this.#storedBytes -= payloadBytes + this.#pending.totalBytes;
    this.#pending.clear();
  }

  async #closeFile(): Promise<void> {
    try {
      await this.#file?.datasync();
    } catch (error) {
      this.#problem ??= error;
    }
    void this.#file?.close().catch(() => undefined);
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function openNew(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
}

/** A write may take less than all, as on a disk that becomes full; the rest is written or the error comes up. */
async function writeAll(file: FileHandle, block: Buffer, at: number): Promise<void> {
  for (let done = 0; done < block.length; ) {
    const { bytesWritten } = await file.write(block, done, block.length - done, at + done);
    done += bytesWritten;
  }
}

function wholeCharacters(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length - incompleteTailBytes(bytes));
}
