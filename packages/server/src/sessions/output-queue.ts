import type { ByteCounts, OutputChunk } from "./session.ts";

/** Takes output as fast as the engine gives it and hands it on as fast as it is taken; beyond a bound it drops. */
export class OutputQueue implements AsyncIterable<OutputChunk> {
  readonly #mostBytes: number;
  readonly #chunks: OutputChunk[] = [];
  readonly #dropped = { stdout: 0, stderr: 0 };
  readonly #drained = Promise.withResolvers<void>();
  #bytes = 0;
  #ended = false;
  #wake = () => {};

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  push(chunk: OutputChunk): void {
    if (this.#ended || chunk.bytes.length === 0) return;
    if (this.#bytes >= this.#mostBytes) {
      this.#dropped[chunk.stream] += chunk.bytes.length;
      return;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes.length;
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  get dropped(): ByteCounts {
    return { ...this.#dropped };
  }

  /** Resolves when the last chunk was taken after the end. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.#bytes -= chunk.bytes.length;
        yield chunk;
        continue;
      }
      if (this.#ended) return this.#drained.resolve();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
