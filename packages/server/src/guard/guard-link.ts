import type { Engine, EngineExec } from "../engines/engine.ts";
import { ProtocolError } from "./decode-frame.ts";
import { encodeFrame } from "./encode-frame.ts";
import { FrameParser } from "./frame-parser.ts";
import type { ClientFrame, GuardFrame } from "./frames.ts";
import type { GuardProgram } from "./guard-program.ts";
import type { Entrance, Way } from "./ways/way.ts";

const PING_EVERY_MS = 5_000;
/** Four pings without an answer. */
const SILENCE_MS = 20_000;
/** What the guard may forget it hears of with the next start, or after this time: a word of its own would wake everybody on the way. */
const RELEASE_WITHIN_MS = 25;
const MOST_PREAMBLE_BYTES = 64 * 1024;
const WORD = "deckhand-guard ";

/** This way does not work in this container; the words say why. */
export class WayImpossible extends Error {}

export interface GuardAddress {
  /** Under which the guard listens inside the container. */
  readonly name: string;
  /** 16 bytes. */
  readonly secret: Uint8Array;
}

export interface LinkOptions {
  readonly engine: Engine;
  readonly containerId: string;
  readonly user: string;
  readonly address: GuardAddress;
  readonly program: GuardProgram;
  readonly way: Way["name"];
  readonly entrance: Entrance;
  readonly signal: AbortSignal;
}

export type Hello = Extract<GuardFrame, { type: "hello" }>;

/** A connection to the guard of one container and user, over one exec that stays attached. */
export interface GuardLink {
  readonly hello: Hello;
  /** False when the guard was there already. */
  readonly startedGuard: boolean;
  readonly way: Way["name"];
  /** Where the guard's program lies in the container. */
  readonly path: string;
  send(frame: ClientFrame): void;
  /** Calls back for every frame until the link ends; to be called once, at once. */
  listen(handler: { onFrame(frame: GuardFrame): void; onEnd(cause: unknown): void }): void;
  close(): void;
}

/**
 * Opens the bridge by one way and starts the guard where none listens. Throws WayImpossible, or the engine's AppError when
 * the container is not in a state for it.
 */
export async function openLink(options: LinkOptions): Promise<GuardLink> {
  const { engine, containerId, user, address, program, entrance } = options;
  const exec = await engine.startExec(
    {
      containerId,
      user,
      cmd: entrance.bridgeCommand,
      workdir: "/",
      env: {
        DECKHAND_GUARD_NAME: address.name,
        DECKHAND_GUARD_VERSION: program.version,
        DECKHAND_GUARD_BYTES: `${program.bytes.length}`,
        DECKHAND_GUARD_MEMFD_CALL: `${program.memfdCall}`,
      },
    },
    { signal: options.signal, maxBufferedBytes: Number.MAX_SAFE_INTEGER },
  );
  const opening = new Opening(exec, options);
  const onAbort = () => exec.close();
  options.signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await opening.run();
  } catch (error) {
    exec.close();
    throw error;
  } finally {
    options.signal.removeEventListener("abort", onAbort);
  }
}

/** What the bridge and the program before it say, up to the guard's HELLO. */
class Opening {
  readonly #exec: EngineExec;
  readonly #options: LinkOptions;
  readonly #parser = new FrameParser();
  #text = "";
  #said = "";
  #path: string;
  #startedGuard = false;

  constructor(exec: EngineExec, options: LinkOptions) {
    this.#exec = exec;
    this.#options = options;
    this.#path = options.entrance.path ?? "";
  }

  async run(): Promise<GuardLink> {
    const output = this.#exec.output[Symbol.asyncIterator]();
    let open = false;
    for (;;) {
      const { done, value: chunk } = await output.next();
      if (done) throw this.#silence();
      if (chunk.stream === "stderr") {
        this.#keep(Buffer.from(chunk.bytes).toString());
        continue;
      }
      let rest = toBuffer(chunk.bytes);
      if (!open) {
        const after = await this.#readLines(rest);
        if (!after) continue;
        open = true;
        void this.#exec.write(encodeFrame({ type: "auth", secret: this.#options.address.secret }));
        rest = after;
      }
      const frames = [...this.#parser.push(rest)];
      const [hello] = frames;
      if (!hello) continue;
      if (hello.type !== "hello") throw new WayImpossible("the guard did not say hello");
      return runningLink({
        exec: this.#exec,
        output,
        parser: this.#parser,
        hello,
        startedGuard: this.#startedGuard,
        way: this.#options.way,
        path: this.#path,
      });
    }
  }

  /** Gives the bytes after the word that opens the stream, once it was said. */
  async #readLines(bytes: Buffer): Promise<Buffer | undefined> {
    let at = bytes;
    for (let end = at.indexOf(10); end >= 0; end = at.indexOf(10)) {
      const line = this.#text + at.subarray(0, end).toString();
      this.#text = "";
      at = at.subarray(end + 1);
      if (line === `${WORD}open`) return at;
      await this.#take(line);
    }
    this.#text += at.toString();
    if (this.#text.length > MOST_PREAMBLE_BYTES) throw new WayImpossible("it says too much");
    return undefined;
  }

  async #take(line: string): Promise<void> {
    if (!line.startsWith(WORD)) return this.#keep(line);
    const [word = "", ...rest] = line.slice(WORD.length).split(" ");
    if (word === "need") void this.#exec.write(this.#options.program.bytes);
    else if (word === "at") this.#path = rest.join(" ");
    else if (word === "absent") await this.#startGuard();
    else throw new WayImpossible(rest.length > 0 ? rest.join(" ") : toBridgeProblem(word));
  }

  async #startGuard(): Promise<void> {
    const { engine, containerId, user, address, entrance, signal } = this.#options;
    this.#startedGuard = true;
    await engine.startDetached(
      {
        containerId,
        user,
        cmd: entrance.daemonCommand,
        workdir: "",
        env: {
          DECKHAND_GUARD_NAME: address.name,
          DECKHAND_GUARD_SECRET: Buffer.from(address.secret).toString("hex"),
          DECKHAND_GUARD_PATH: this.#path,
        },
      },
      signal,
    );
  }

  #keep(words: string): void {
    this.#said = `${this.#said} ${words}`.slice(0, 1000);
  }

  /** A way that can not be is told by the engine or by a program; a connection just ends. */
  #silence(): Error {
    const said = `${this.#said} ${this.#text}`.trim().replaceAll(/\s+/g, " ").slice(0, 500);
    return said ? new WayImpossible(said) : new Error("the connection ended without a word");
  }
}

function toBridgeProblem(word: string): string {
  if (word === "unreachable") return "the guard did not start";
  if (word === "foreign") return "somebody else listens under the guard's name";
  return `the bridge says ${word}`;
}

interface Running {
  readonly exec: EngineExec;
  readonly output: AsyncIterator<{ readonly stream: string; readonly bytes: Uint8Array }>;
  readonly parser: FrameParser;
  readonly hello: Hello;
  readonly startedGuard: boolean;
  readonly way: Way["name"];
  readonly path: string;
}

function runningLink(running: Running): GuardLink {
  const { exec, output, parser, hello, startedGuard, way, path } = running;
  let waiting: Buffer[] = [];
  let writing = false;
  let releaseTimer: NodeJS.Timeout | undefined;
  let ended = false;
  let heardAt = performance.now();
  let endWith: (cause: unknown) => void = () => {};

  const heart = setInterval(() => {
    if (performance.now() - heardAt > SILENCE_MS) end(new Error("the guard does not answer"));
    else send({ type: "ping", number: 0 });
  }, PING_EVERY_MS);
  heart.unref();

  function end(cause: unknown): void {
    if (ended) return;
    ended = true;
    clearInterval(heart);
    clearTimeout(releaseTimer);
    if (waiting.length > 0) void exec.write(Buffer.concat(waiting));
    exec.close();
    endWith(cause);
  }

  /** Everything of one turn goes out as one piece. */
  async function write(): Promise<void> {
    writing = true;
    clearTimeout(releaseTimer);
    releaseTimer = undefined;
    await Promise.resolve();
    while (waiting.length > 0 && !ended) {
      const [only] = waiting;
      const piece = waiting.length === 1 && only ? only : Buffer.concat(waiting);
      waiting = [];
      if (!(await exec.write(piece))) break;
    }
    writing = false;
  }

  function send(frame: ClientFrame): void {
    if (ended) return;
    waiting.push(encodeFrame(frame));
    if (writing) return;
    if (frame.type === "release")
      releaseTimer ??= setTimeout(() => void write(), RELEASE_WITHIN_MS);
    else void write();
  }

  async function read(onFrame: (frame: GuardFrame) => void): Promise<void> {
    try {
      for (;;) {
        const { done, value: chunk } = await output.next();
        if (done) return end(new Error("the stream ended"));
        heardAt = performance.now();
        if (chunk.stream !== "stdout") continue;
        for (const frame of parser.push(toBuffer(chunk.bytes))) {
          if (frame.type === "error") throw new ProtocolError(`the guard says: ${frame.detail}`);
          onFrame(frame);
        }
      }
    } catch (error) {
      end(error);
    }
  }

  return {
    hello,
    startedGuard,
    way,
    path,
    send,
    listen: ({ onFrame, onEnd }) => {
      endWith = onEnd;
      void read(onFrame);
    },
    close: () => end(new Error("closed")),
  };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
