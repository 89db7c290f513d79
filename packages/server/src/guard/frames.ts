import type { OutputStream } from "../engines/engine.ts";

/**
 * The frames between server and guard, as docs/guard-protocol.md has them: a length of 4 bytes, a type, a payload; all
 * numbers little-endian. The other side is guard/src/frame.c, and guard/vectors.json is the test of both.
 */
export const PROTOCOL_VERSION = 1;
export const SECRET_BYTES = 16;
/** More than this in one IN frame is refused. */
export const MAX_INPUT_BYTES = 32 * 1024;
/** How much of the input the guard holds for a script that does not read it. */
export const INPUT_WINDOW_BYTES = 64 * 1024;
/** The guard takes no larger frame. */
export const MAX_START_BYTES = 8 * 1024 * 1024;
/** The guard sends no larger frame. */
const MAX_RECEIVED_BYTES = 256 * 1024;
const HEADER_BYTES = 5;

const UNSET_U64 = 0xffff_ffff_ffff_ffffn;
const UNSET_I32 = -0x8000_0000;

export interface StartFrame {
  readonly type: "start";
  readonly channel: number;
  readonly id: string;
  readonly terminal: { readonly columns: number; readonly rows: number } | undefined;
  readonly waitForSurvivors: boolean;
  /** Whether IN frames will come; without them the input is empty. */
  readonly hasInput: boolean;
  /** 0 for none. */
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly outputLimit: number;
  readonly spoolBytes: number;
  readonly umask: number | undefined;
  readonly nice: number | undefined;
  readonly oomScore: number | undefined;
  readonly cpuSeconds: number | undefined;
  readonly fileBytes: number | undefined;
  readonly openFiles: number | undefined;
  readonly processes: number | undefined;
  readonly directory: string;
  /** The first that the container has; exactly one where there is no script. */
  readonly commands: readonly string[];
  readonly flags: readonly string[];
  readonly args: readonly string[];
  /** `NAME=value`, over what the container has. */
  readonly environment: readonly string[];
  readonly script: StartScript | undefined;
}

export interface StartScript {
  readonly text: Uint8Array;
  /** Whether the interpreter needs a path that stays. */
  readonly asFile: boolean;
  readonly extension: string;
  readonly prelude: Uint8Array;
}

export interface Offsets {
  readonly stdout: number;
  readonly stderr: number;
}

/** What the server sends. */
export type ClientFrame =
  | { readonly type: "auth"; readonly secret: Uint8Array }
  | StartFrame
  | {
      readonly type: "attach";
      readonly channel: number;
      readonly id: string;
      readonly offsets: Offsets;
    }
  | { readonly type: "ack"; readonly channel: number; readonly offsets: Offsets }
  | {
      readonly type: "in";
      readonly channel: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "in-eof"; readonly channel: number; readonly offset: number }
  | {
      readonly type: "resize";
      readonly channel: number;
      readonly columns: number;
      readonly rows: number;
    }
  | {
      readonly type: "signal";
      readonly channel: number;
      readonly signal: number;
      /** All processes of the script, or the group of its main process. */
      readonly all: boolean;
    }
  | { readonly type: "stop"; readonly channel: number; readonly graceMs: number }
  | { readonly type: "status"; readonly id: string }
  | { readonly type: "list" }
  | { readonly type: "release"; readonly id: string }
  | { readonly type: "ping"; readonly number: number }
  | { readonly type: "leave" };

export type GuardExecutionState = "unknown" | "starting" | "running" | "settled" | "refused";

/** What the guard sends. */
export type GuardFrame =
  | {
      readonly type: "hello";
      readonly protocol: number;
      /** Another value is another guard, which knows nothing of what an earlier one had. */
      readonly instance: string;
      readonly pid: number;
      readonly uid: number;
      readonly executions: number;
      readonly version: string;
    }
  | { readonly type: "started"; readonly channel: number; readonly pid: number }
  | {
      readonly type: "refused";
      readonly channel: number;
      readonly refusal: number;
      readonly errno: number;
    }
  | ({ readonly type: "attached"; readonly channel: number } & GuardExecutionStatus)
  | { readonly type: "unknown"; readonly channel: number }
  | {
      readonly type: "out";
      readonly channel: number;
      readonly stream: OutputStream;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "in-ack"; readonly channel: number; readonly offset: number }
  | ExitFrame
  | ({ readonly type: "state"; readonly id: string } & GuardExecutionStatus)
  | { readonly type: "listed" }
  | { readonly type: "pong"; readonly number: number }
  | { readonly type: "error"; readonly detail: string };

export interface GuardExecutionStatus {
  readonly state: GuardExecutionState;
  readonly pid: number;
  /** From where on output will be sent. */
  readonly offsets: Offsets;
  /** How much of the input has arrived. */
  readonly inputOffset: number;
}

export interface ExitFrame {
  readonly type: "exit";
  readonly channel: number;
  /** `unknown`: somebody killed the process that would have known. */
  readonly how: "exit" | "signal" | "unknown";
  /** Exit code or signal number. */
  readonly value: number;
  readonly cause: "itself" | "stop" | "deadline";
  readonly produced: Offsets;
  readonly dropped: Offsets;
  readonly oomKills: number;
  readonly cpuMicros: number;
  readonly maxRssKib: number;
  /** How many background processes were ended after the main one. */
  readonly survivors: number;
  readonly leftovers: readonly { readonly pid: number; readonly command: string }[];
}

/** Puts one frame together from its parts. */
class FrameWriter {
  #at: Buffer;
  #used = HEADER_BYTES;

  constructor(type: number, bytes: number) {
    this.#at = Buffer.allocUnsafe(HEADER_BYTES + bytes);
    this.#at.writeUInt8(type, 4);
  }

  #room(bytes: number): number {
    const from = this.#used;
    this.#used += bytes;
    if (this.#used > this.#at.length) {
      const larger = Buffer.allocUnsafe(this.#used * 2);
      this.#at.copy(larger, 0, 0, from);
      this.#at = larger;
    }
    return from;
  }

  u16(value: number): this {
    this.#at.writeUInt16LE(value, this.#room(2));
    return this;
  }

  u8(value: number): this {
    this.#at.writeUInt8(value, this.#room(1));
    return this;
  }

  u32(value: number): this {
    const from = this.#room(4);
    this.#at.writeUInt32LE(value, from);
    return this;
  }

  i32(value: number): this {
    const from = this.#room(4);
    this.#at.writeInt32LE(value, from);
    return this;
  }

  u64(value: number | bigint): this {
    const from = this.#room(8);
    this.#at.writeBigUInt64LE(BigInt(value), from);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const from = this.#room(bytes.length);
    this.#at.set(bytes, from);
    return this;
  }

  text16(text: string): this {
    const bytes = Buffer.from(text);
    return this.u16(bytes.length).bytes(bytes);
  }

  text32(text: string): this {
    return this.content(Buffer.from(text));
  }

  content(bytes: Uint8Array): this {
    return this.u32(bytes.length).bytes(bytes);
  }

  texts(texts: readonly string[]): this {
    this.u32(texts.length);
    for (const text of texts) this.text32(text);
    return this;
  }

  offsets({ stdout, stderr }: Offsets): this {
    return this.u64(stdout).u64(stderr);
  }

  end(): Buffer {
    this.#at.writeUInt32LE(this.#used - 4, 0);
    return this.#at.subarray(0, this.#used);
  }
}

/** Gives the whole frame as it goes over the wire. */
export function encodeFrame(frame: ClientFrame): Buffer {
  switch (frame.type) {
    case "auth":
      return new FrameWriter(0x01, 18).u16(PROTOCOL_VERSION).bytes(frame.secret).end();
    case "start":
      return encodeStart(frame);
    case "attach":
      return new FrameWriter(0x03, 96)
        .u32(frame.channel)
        .text16(frame.id)
        .offsets(frame.offsets)
        .end();
    case "ack":
      return new FrameWriter(0x04, 20).u32(frame.channel).offsets(frame.offsets).end();
    case "in":
      return new FrameWriter(0x05, 12 + frame.bytes.length)
        .u32(frame.channel)
        .u64(frame.offset)
        .bytes(frame.bytes)
        .end();
    case "in-eof":
      return new FrameWriter(0x06, 12).u32(frame.channel).u64(frame.offset).end();
    case "resize":
      return new FrameWriter(0x07, 8).u32(frame.channel).u16(frame.columns).u16(frame.rows).end();
    case "signal":
      return new FrameWriter(0x08, 6)
        .u32(frame.channel)
        .u8(frame.signal)
        .u8(Number(frame.all))
        .end();
    case "stop":
      return new FrameWriter(0x09, 8).u32(frame.channel).u32(frame.graceMs).end();
    case "status":
      return new FrameWriter(0x0a, 80).text16(frame.id).end();
    case "list":
      return new FrameWriter(0x0b, 0).end();
    case "release":
      return new FrameWriter(0x0c, 80).text16(frame.id).end();
    case "ping":
      return new FrameWriter(0x0d, 8).u64(frame.number).end();
    case "leave":
      return new FrameWriter(0x0e, 0).end();
    default:
      return frame satisfies never;
  }
}

const FLAG = { terminal: 1, script: 2, asFile: 4, waitForSurvivors: 8, input: 16 } as const;
const NOTHING = Buffer.alloc(0);

function encodeStart(frame: StartFrame): Buffer {
  const { script, terminal } = frame;
  const flags =
    (terminal ? FLAG.terminal : 0) |
    (script ? FLAG.script : 0) |
    (script?.asFile ? FLAG.asFile : 0) |
    (frame.waitForSurvivors ? FLAG.waitForSurvivors : 0) |
    (frame.hasInput ? FLAG.input : 0);
  return new FrameWriter(0x02, 1024 + (script?.text.length ?? 0))
    .u32(frame.channel)
    .text16(frame.id)
    .u32(flags)
    .u32(frame.timeoutMs)
    .u32(frame.graceMs)
    .u64(frame.outputLimit)
    .u32(frame.spoolBytes)
    .u16(terminal?.columns ?? 0)
    .u16(terminal?.rows ?? 0)
    .i32(frame.umask ?? UNSET_I32)
    .i32(frame.nice ?? UNSET_I32)
    .i32(frame.oomScore ?? UNSET_I32)
    .u64(frame.cpuSeconds ?? UNSET_U64)
    .u64(frame.fileBytes ?? UNSET_U64)
    .u64(frame.openFiles ?? UNSET_U64)
    .u64(frame.processes ?? UNSET_U64)
    .text16(frame.directory)
    .text16(script?.extension ?? "")
    .texts(frame.commands)
    .texts(frame.flags)
    .texts(frame.args)
    .texts(frame.environment)
    .content(script?.prelude ?? NOTHING)
    .content(script?.text ?? NOTHING)
    .end();
}

/** A frame that breaks the protocol; nothing after it can be trusted. */
export class ProtocolError extends Error {}

/** Reads a payload from its beginning; a read beyond the end throws a ProtocolError. */
class PayloadReader {
  readonly #at: Buffer;
  #offset = 0;

  constructor(payload: Buffer) {
    this.#at = payload;
  }

  #take(bytes: number): number {
    const from = this.#offset;
    this.#offset += bytes;
    if (this.#offset > this.#at.length) throw new ProtocolError("a frame ends too early");
    return from;
  }

  u8(): number {
    return this.#at.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#at.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#at.readUInt32LE(this.#take(4));
  }

  /** Offsets stay far below 2^53. */
  u64(): number {
    const value = this.#at.readBigUInt64LE(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError("a number is too large");
    return Number(value);
  }

  bytes(count: number): Buffer {
    const from = this.#take(count);
    return this.#at.subarray(from, from + count);
  }

  text16(): string {
    return this.bytes(this.u16()).toString();
  }

  rest(): Buffer {
    return this.bytes(this.#at.length - this.#offset);
  }

  offsets(): Offsets {
    return { stdout: this.u64(), stderr: this.u64() };
  }

  status(): GuardExecutionStatus {
    return {
      state: pick(STATES, this.u8()),
      pid: this.u32(),
      offsets: this.offsets(),
      inputOffset: this.u64(),
    };
  }

  done<Frame>(frame: Frame): Frame {
    if (this.#offset !== this.#at.length) throw new ProtocolError("a frame is too long");
    return frame;
  }
}

const STATES: readonly GuardExecutionState[] = [
  "unknown",
  "starting",
  "running",
  "settled",
  "refused",
];
const HOWS: readonly ExitFrame["how"][] = ["exit", "signal", "unknown"];
const CAUSES: readonly ExitFrame["cause"][] = ["itself", "stop", "deadline"];
const STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

function pick<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new ProtocolError(`there is no value ${index} here`);
  return value;
}

const OUT = 0x86;

/** Reads one frame of the guard without its length. */
export function decodeFrame(type: number, payload: Buffer): GuardFrame {
  const reader = new PayloadReader(payload);
  switch (type) {
    case 0x81:
      return reader.done({
        type: "hello",
        protocol: reader.u16(),
        instance: reader.bytes(16).toString("hex"),
        pid: reader.u32(),
        uid: reader.u32(),
        executions: reader.u16(),
        version: reader.text16(),
      });
    case 0x82:
      return reader.done({ type: "started", channel: reader.u32(), pid: reader.u32() });
    case 0x83:
      return reader.done({
        type: "refused",
        channel: reader.u32(),
        refusal: reader.u8(),
        errno: reader.u32(),
      });
    case 0x84:
      return reader.done({ type: "attached", channel: reader.u32(), ...reader.status() });
    case 0x85:
      return reader.done({ type: "unknown", channel: reader.u32() });
    case OUT:
      return {
        type: "out",
        channel: reader.u32(),
        stream: pick(STREAMS, reader.u8() - 1),
        offset: reader.u64(),
        bytes: reader.rest(),
      };
    case 0x87:
      return reader.done({ type: "in-ack", channel: reader.u32(), offset: reader.u64() });
    case 0x88:
      return reader.done(decodeExit(reader));
    case 0x89:
      return reader.done({ type: "state", id: reader.text16(), ...reader.status() });
    case 0x8a:
      return reader.done({ type: "listed" });
    case 0x8b:
      return reader.done({ type: "pong", number: reader.u64() });
    case 0x8c:
      return reader.done({ type: "error", detail: reader.text16() });
    default:
      throw new ProtocolError(`there is no frame of type ${type}`);
  }
}

function decodeExit(reader: PayloadReader): ExitFrame {
  const head = {
    type: "exit",
    channel: reader.u32(),
    how: pick(HOWS, reader.u8()),
    value: reader.u8(),
    cause: pick(CAUSES, reader.u8()),
    produced: reader.offsets(),
    dropped: reader.offsets(),
    oomKills: reader.u32(),
    cpuMicros: reader.u64(),
    maxRssKib: reader.u64(),
    survivors: reader.u32(),
  } as const;
  const leftovers = [];
  for (let left = reader.u16(); left > 0; left--)
    leftovers.push({ pid: reader.u32(), command: reader.text16() });
  return { ...head, leftovers };
}

/** A part of an OUT frame that is shorter than this waits for the rest. */
const SMALLEST_PART_BYTES = 4 * 1024;
/** Type, channel, stream and offset of an OUT frame. */
const OUT_HEAD_BYTES = 14;

/** Cuts a stream of bytes, in whatever pieces it comes, into frames. */
export class FrameParser {
  #pieces: Buffer[] = [];
  #held = 0;
  /** How many bytes there must be before it is worth looking. */
  #needed = 4;
  /** The OUT frame of which a part was given, and how much of it is still to come. */
  #out: OutFrame | undefined;
  #left = 0;

  /**
   * Gives the frames that are whole by now, and what has come of a long OUT frame as a frame of its own, without a copy;
   * throws a ProtocolError.
   */
  *push(bytes: Buffer): Generator<GuardFrame> {
    this.#pieces.push(bytes);
    this.#held += bytes.length;
    if (this.#held < this.#needed) return;
    let at = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces);
    this.#needed = 4;
    for (;;) {
      if (this.#out) {
        const part = at.subarray(0, this.#left);
        at = at.subarray(part.length);
        if (part.length > 0) yield this.#continue(this.#out, part);
        if (this.#out) break;
      }
      if (at.length < 4) break;
      const length = at.readUInt32LE(0);
      if (length === 0 || length > MAX_RECEIVED_BYTES)
        throw new ProtocolError(`a frame of ${length} bytes`);
      const frame = at.subarray(4, 4 + length);
      if (frame.length === length) {
        at = at.subarray(4 + length);
        yield decodeFrame(frame.readUInt8(0), frame.subarray(1));
      } else if (isLongPart(frame)) {
        at = at.subarray(at.length);
        yield this.#begin(frame, length - frame.length);
      } else {
        this.#needed = 4 + length;
        break;
      }
    }
    if (this.#out) this.#needed = 1;
    this.#pieces = at.length > 0 ? [at] : [];
    this.#held = at.length;
  }

  #begin(frame: Buffer, left: number): GuardFrame {
    const out = decodeFrame(frame.readUInt8(0), frame.subarray(1)) as OutFrame;
    this.#out = out;
    this.#left = left;
    return out;
  }

  #continue(out: OutFrame, bytes: Buffer): GuardFrame {
    const part = { ...out, offset: out.offset + out.bytes.length, bytes };
    this.#left -= bytes.length;
    this.#out = this.#left > 0 ? part : undefined;
    return part;
  }
}

type OutFrame = Extract<GuardFrame, { type: "out" }>;

function isLongPart(frame: Buffer): boolean {
  return frame.length >= OUT_HEAD_BYTES + SMALLEST_PART_BYTES && frame.readUInt8(0) === OUT;
}
