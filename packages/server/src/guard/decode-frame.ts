import type { OutputStream } from "../engines/engine.ts";
import type {
  ExitFrame,
  GuardExecutionState,
  GuardExecutionStatus,
  GuardFrame,
  Offsets,
} from "./frames.ts";

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

/** The type of an OUT frame. */
export const OUT = 0x86;

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
