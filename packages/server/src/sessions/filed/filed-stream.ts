import { isAppError } from "@deckhand/core";
import type { Engine, EngineExec, ExecChunk } from "../../engines/engine.ts";
import type { ByteCounts, ExecutionSpec } from "../session.ts";
import { openHeld, type ReaderLink, type ReaderWord } from "./reader-link.ts";

const RETRY_MS = 250;

export interface FiledStreamOptions {
  readonly engine: Engine;
  readonly spec: ExecutionSpec;
  readonly link: ReaderLink;
  /** From where on it is wanted. */
  readonly offsets: ByteCounts;
  /** The container's incarnation that the execution was started in. */
  readonly containerStartedAt: string | undefined;
}

/** The streams of an execution in files, over any number of connections: as an exec's that never breaks. */
export class FiledStream implements Pick<EngineExec, "output" | "close"> {
  readonly #options: FiledStreamOptions;
  readonly #received: { stdout: number; stderr: number };
  readonly #missed = { stdout: 0, stderr: 0 };
  #taken: ByteCounts;
  #link: ReaderLink | undefined;
  #isClosed = false;
  #isWhole = true;
  #keepsAll = true;

  constructor(options: FiledStreamOptions) {
    this.#options = options;
    this.#link = options.link;
    this.#received = { ...options.offsets };
    this.#taken = { ...options.offsets };
  }

  /** What was not in the files any more when we came. */
  get missed(): ByteCounts {
    return { ...this.#missed };
  }

  /** False when something did not get into the files. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Says up to where it is not needed in the container any more. */
  acknowledge(taken: ByteCounts): void {
    this.#taken = {
      stdout: Math.max(this.#taken.stdout, taken.stdout),
      stderr: Math.max(this.#taken.stderr, taken.stderr),
    };
  }

  /** From now on what was received is not needed in the container, whoever stores it. */
  keepNothing(): void {
    this.#keepsAll = false;
  }

  close(): void {
    this.#isClosed = true;
    this.#link?.close();
  }

  /** Ends when nothing more can come: the container has ended, or all that could write the files. */
  get output(): AsyncGenerator<ExecChunk> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<ExecChunk> {
    await this.#options.link.seek(this.#received);
    for (;;) {
      this.#link ??= await this.#connect();
      const link = this.#link;
      if (!link || this.#isClosed) break;
      await link.ask(this.#keepsAll ? this.#taken : this.#received);
      const answer = yield* this.#readAnswer(link);
      if (answer === "over") break;
      if (answer === "more") continue;
      link.close();
      this.#link = undefined;
    }
    this.#link?.close();
  }

  /** `undefined` when the connection is gone. */
  async *#readAnswer(link: ReaderLink): AsyncGenerator<ExecChunk, "more" | "over" | undefined> {
    for (;;) {
      const word = await link.next();
      if (!word || this.#isClosed) return undefined;
      if (word.kind === "chunk") yield* this.#take(word);
      else if (word.word === "gap") this.#isWhole = false;
      else if (word.word === "over") return "over";
      else if (word.word === "more" || word.word === "waiting") return "more";
    }
  }

  *#take({ stream, offset, bytes }: Extract<ReaderWord, { kind: "chunk" }>): Generator<ExecChunk> {
    const gap = offset - this.#received[stream];
    if (gap > 0) {
      this.#missed[stream] += gap;
      this.#isWhole = false;
    }
    this.#received[stream] = offset + bytes.length;
    yield { stream, bytes };
  }

  /** Gives `undefined` when there is nothing to connect to any more. */
  async #connect(): Promise<ReaderLink | undefined> {
    while (!this.#isClosed) {
      try {
        if (!(await this.#isThere())) return undefined;
        const link = await openHeld(this.#options);
        if (link === "absent") return undefined;
        await link?.seek(this.#received);
        if (link) return link;
      } catch (error) {
        if (!isAppError(error)) throw error;
        if (error.code === "TARGET_NOT_FOUND") return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    }
    return undefined;
  }

  async #isThere(): Promise<boolean> {
    const { engine, spec, containerStartedAt } = this.#options;
    const container = await engine.findContainer(spec.containerId);
    if (!container || !["running", "paused"].includes(container.status)) return false;
    return containerStartedAt === undefined || container.startedAt === containerStartedAt;
  }
}
