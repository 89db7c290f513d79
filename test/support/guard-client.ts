import type { Readable, Writable } from "node:stream";
import { encodeFrame } from "../../packages/server/src/guard/encode-frame.ts";
import { FrameParser } from "../../packages/server/src/guard/frame-parser.ts";
import type {
  ClientFrame,
  GuardFrame,
  StartFrame,
} from "../../packages/server/src/guard/frames.ts";

type FrameOf<Type extends GuardFrame["type"]> = Extract<GuardFrame, { type: Type }>;
type Stream = "stdout" | "stderr";

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: FrameOf<"exit">;
}

/** The server's side of a connection, as close to the wire as a test wants it. */
export interface GuardClient {
  /** What the bridge said before its stream was open. */
  readonly preamble: readonly string[];
  /** All frames that have come. */
  readonly frames: readonly GuardFrame[];
  untilOpen(): Promise<void>;
  send(frame: ClientFrame): void;
  sendBytes(bytes: Uint8Array): void;
  /** The next frame of the type that nobody has taken, of the channel if one is named. */
  next<Type extends GuardFrame["type"]>(type: Type, channel?: number): Promise<FrameOf<Type>>;
  /** Reads an execution to its end; acknowledges what it reads, unless told otherwise. */
  toEnd(channel?: number, options?: { readonly acknowledge?: boolean }): Promise<Ended>;
  /** Waits until this much of a stream has come over this connection, and gives all of it. */
  output(
    bytes: number,
    where?: { readonly channel?: number; readonly stream?: Stream },
  ): Promise<Buffer>;
  /** While paused, nothing is read from the guard. */
  pause(): void;
  resume(): void;
  readonly closed: Promise<void>;
  isClosed(): boolean;
  close(): void;
}

const OPEN = "deckhand-guard open";

/** One stream of one execution, as it has come. */
interface Received {
  readonly pieces: Buffer[];
  bytes: number;
  /** The offset after the last byte. */
  end: number;
}

export function guardClient(
  input: Readable,
  output: Writable,
  { isBridge }: { readonly isBridge: boolean },
): GuardClient {
  const parser = new FrameParser();
  const frames: GuardFrame[] = [];
  const taken = new Set<GuardFrame>();
  const preamble: string[] = [];
  const received = new Map<string, Received>();
  const closed = Promise.withResolvers<void>();
  let wake = Promise.withResolvers<void>();
  let held = Buffer.alloc(0);
  let isOpen = !isBridge;
  let isClosed = false;
  // Until a test asks for one, an error is the end of it.
  let expectsErrors = false;

  function changed(): void {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  }

  function readLines(bytes: Buffer): Buffer {
    held = Buffer.concat([held, bytes]);
    for (let end = held.indexOf(10); end >= 0 && !isOpen; end = held.indexOf(10)) {
      const line = held.subarray(0, end).toString();
      held = held.subarray(end + 1);
      preamble.push(line);
      isOpen = line === OPEN;
    }
    return isOpen ? held : Buffer.alloc(0);
  }

  function of(channel: number, stream: Stream): Received {
    const key = `${channel} ${stream}`;
    const known = received.get(key) ?? { pieces: [], bytes: 0, end: -1 };
    received.set(key, known);
    return known;
  }

  function keep(frame: FrameOf<"out">): void {
    const known = of(frame.channel, frame.stream);
    if (known.end >= 0 && frame.offset !== known.end)
      throw new Error(`output at ${frame.offset} instead of ${known.end}`);
    known.pieces.push(Buffer.from(frame.bytes));
    known.bytes += frame.bytes.length;
    known.end = frame.offset + frame.bytes.length;
  }

  input.on("data", (bytes: Buffer) => {
    const whole = isOpen ? bytes : readLines(bytes);
    for (const frame of parser.push(whole)) {
      frames.push(frame);
      if (frame.type === "out") keep(frame);
    }
    changed();
  });
  input.once("close", () => {
    isClosed = true;
    closed.resolve();
    changed();
  });
  for (const stream of [input, output]) stream.on("error", () => {});

  async function until<Value>(find: () => Value | undefined, what: string): Promise<Value> {
    for (;;) {
      const waits = wake.promise;
      const found = find();
      if (found !== undefined) return found;
      const error = expectsErrors ? undefined : frames.find(({ type }) => type === "error");
      if (error) throw new Error(`${what}: ${JSON.stringify(error)}`);
      if (isClosed) throw new Error(`the connection ended before there was ${what}`);
      await waits;
    }
  }

  function acknowledge(channel: number, told: Record<Stream, number>): void {
    const offsets = {
      stdout: Math.max(0, of(channel, "stdout").end),
      stderr: Math.max(0, of(channel, "stderr").end),
    };
    if (offsets.stdout <= told.stdout && offsets.stderr <= told.stderr) return;
    Object.assign(told, offsets);
    client.send({ type: "ack", channel, offsets });
  }

  const client: GuardClient = {
    preamble,
    frames,
    untilOpen: async () => {
      await until(() => isOpen || undefined, "an open stream");
    },
    send: (frame) => {
      output.write(encodeFrame(frame));
    },
    sendBytes: (bytes) => {
      output.write(bytes);
    },
    next: async <Type extends GuardFrame["type"]>(type: Type, channel?: number) => {
      if (type === "error") expectsErrors = true;
      const isIt = (frame: GuardFrame) =>
        frame.type === type &&
        !taken.has(frame) &&
        (channel === undefined || ("channel" in frame && frame.channel === channel));
      const frame = await until(() => frames.find(isIt), type);
      taken.add(frame);
      return frame as FrameOf<Type>;
    },
    toEnd: async (channel = 1, options = {}) => {
      const told = { stdout: 0, stderr: 0 };
      const exit = await until(() => {
        if (options.acknowledge !== false) acknowledge(channel, told);
        return frames.find(
          (frame): frame is FrameOf<"exit"> => frame.type === "exit" && frame.channel === channel,
        );
      }, "exit");
      const textOf = (stream: Stream) => Buffer.concat(of(channel, stream).pieces).toString();
      return { stdout: textOf("stdout"), stderr: textOf("stderr"), exit };
    },
    output: (bytes, { channel = 1, stream = "stdout" } = {}) =>
      until(() => {
        const known = of(channel, stream);
        return known.bytes >= bytes ? Buffer.concat(known.pieces) : undefined;
      }, `${bytes} bytes of output`),
    pause: () => {
      input.pause();
    },
    resume: () => {
      input.resume();
    },
    closed: closed.promise,
    isClosed: () => isClosed,
    close: () => {
      output.destroy();
      input.destroy();
    },
  };
  return client;
}

/** A shell script on channel 1; what is not named is as plain as it can be. */
export function startFrame(
  script: string,
  { channel = 1, ...more }: Partial<StartFrame> = {},
): StartFrame {
  return {
    type: "start",
    channel,
    id: `exe_${channel}`,
    terminal: undefined,
    waitForSurvivors: false,
    hasInput: false,
    timeoutMs: 0,
    graceMs: 500,
    outputLimit: 2 ** 40,
    spoolBytes: 1024 * 1024,
    umask: undefined,
    nice: undefined,
    oomScore: undefined,
    cpuSeconds: undefined,
    fileBytes: undefined,
    openFiles: undefined,
    processes: undefined,
    directory: "",
    commands: ["sh"],
    flags: [],
    args: [],
    environment: [],
    script: {
      text: Buffer.from(script),
      asFile: false,
      extension: "",
      prelude: Buffer.alloc(0),
    },
    ...more,
  };
}
