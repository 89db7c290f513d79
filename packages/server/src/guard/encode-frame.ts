import { type ClientFrame, type Offsets, PROTOCOL_VERSION, type StartFrame } from "./frames.ts";

const HEADER_BYTES = 5;
const UNSET_U64 = 0xffff_ffff_ffff_ffffn;
const UNSET_I32 = -0x8000_0000;

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
