import { randomBytes } from "node:crypto";
import type { Engine, EngineExec, OutputStream } from "../../engines/engine.ts";
import type { ByteCounts, ExecutionSpec } from "../session.ts";
import { READER_COMMAND } from "./programs.ts";

const NEWLINE = 0x0a;
const INPUT_PIECE_BYTES = 64 * 1024;
/** The reader answers within a second; a container that stands still is asked anew. */
const ANSWER_WITHIN_MS = 30_000;

/** What the reader in the container says. */
export type ReaderWord =
  | {
      readonly kind: "chunk";
      readonly stream: OutputStream;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  | { readonly kind: "note"; readonly word: string; readonly values: readonly string[] };

export interface ReaderLinkOptions {
  readonly engine: Engine;
  readonly spec: ExecutionSpec;
  readonly act: "start" | "resume";
}

/** What writes an execution's files. */
export interface Wrapper {
  readonly nonce: string;
  readonly pid: number;
}

/** One connection to an execution's files. */
export class ReaderLink {
  readonly #exec: EngineExec;
  readonly #output: AsyncIterator<{ readonly stream: OutputStream; readonly bytes: Uint8Array }>;
  readonly #mark: string;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(exec: EngineExec, nonce: string) {
    this.#exec = exec;
    this.#output = exec.output[Symbol.asyncIterator]();
    this.#mark = `\u001edeckhand ${nonce} `;
  }

  /** Throws what the engine refuses. */
  static async open({ engine, spec, act }: ReaderLinkOptions): Promise<ReaderLink> {
    const nonce = randomBytes(16).toString("hex");
    const exec = await engine.startExec({
      containerId: spec.containerId,
      cmd: READER_COMMAND,
      env: {
        DECKHAND_NONCE: nonce,
        DECKHAND_FILED_ID: spec.executionId,
        DECKHAND_FILED_ACT: act,
        DECKHAND_FILED_INPUT: `${spec.stdin?.length ?? 0}`,
      },
      user: spec.user,
      workdir: spec.workdir,
    });
    return new ReaderLink(exec, nonce);
  }

  /** Gives `undefined` when the connection has ended, or is no good. */
  async next(): Promise<ReaderWord | undefined> {
    const tooLate = setTimeout(() => this.close(), ANSWER_WITHIN_MS);
    try {
      return await this.#take();
    } catch {
      return undefined;
    } finally {
      clearTimeout(tooLate);
    }
  }

  async #take(): Promise<ReaderWord | undefined> {
    const line = await this.#takeLine();
    if (!line?.startsWith(this.#mark)) return undefined;
    const [word = "", ...values] = line.slice(this.#mark.length).split(" ");
    if (word !== "chunk") return { kind: "note", word, values };
    const [stream, offset, length] = values;
    const bytes = await this.#takeBytes(Number(length));
    return (
      bytes && { kind: "chunk", stream: stream as OutputStream, offset: Number(offset), bytes }
    );
  }

  async #takeLine(): Promise<string | undefined> {
    for (;;) {
      const until = this.#rest.indexOf(NEWLINE);
      if (until >= 0)
        return this.#cut(until + 1)
          .subarray(0, until)
          .toString();
      if (!(await this.#more())) return undefined;
    }
  }

  async #takeBytes(length: number): Promise<Buffer | undefined> {
    while (this.#rest.length < length) if (!(await this.#more())) return undefined;
    return this.#cut(length);
  }

  #cut(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const { value, done } = await this.#output.next();
      if (done) return false;
      if (value.stream !== "stdout") continue;
      this.#rest = Buffer.concat([this.#rest, value.bytes]);
      return true;
    }
  }

  async writeInput(bytes: Uint8Array | undefined): Promise<void> {
    for (let from = 0; bytes && from < bytes.length; from += INPUT_PIECE_BYTES) {
      if (!(await this.#exec.write(bytes.subarray(from, from + INPUT_PIECE_BYTES)))) return;
    }
  }

  /** Gives the wrapper that writes the files, or `waiting` while there is none yet. */
  async meet(): Promise<Wrapper | "waiting" | undefined> {
    await this.#say("meet");
    const word = await this.next();
    if (word?.kind !== "note") return undefined;
    const [nonce = "", pid] = word.values;
    return word.word === "found" ? { nonce, pid: Number(pid) } : "waiting";
  }

  /** Says from where on the streams are wanted. */
  seek(offsets: ByteCounts): Promise<void> {
    return this.#say(`from ${offsets.stdout} ${offsets.stderr}`);
  }

  /** Asks for more; what is before `taken` is not needed any more. */
  ask(taken: ByteCounts): Promise<void> {
    return this.#say(`go ${taken.stdout} ${taken.stderr}`);
  }

  /** Sees to it that nobody starts it from now on. False when somebody has, `undefined` when we can not know. */
  async cancel(): Promise<boolean | undefined> {
    await this.#say("cancel");
    const word = await this.next();
    return word?.kind === "note" ? word.word === "cancelled" : undefined;
  }

  async #say(command: string): Promise<void> {
    await this.#exec.write(Buffer.from(`${command}\n`));
  }

  close(): void {
    this.#exec.close();
  }
}

/** Connects to an execution that was started. `undefined` when the connection did not last. Throws what the engine refuses. */
export async function openHeld(
  options: Pick<ReaderLinkOptions, "engine" | "spec">,
): Promise<ReaderLink | "absent" | undefined> {
  const link = await ReaderLink.open({ ...options, act: "resume" });
  const first = await link.next();
  if (first?.kind === "note" && first.word === "held") return link;
  link.close();
  return first?.kind === "note" && first.word === "absent" ? "absent" : undefined;
}
