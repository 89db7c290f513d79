import type { Duplex } from "node:stream";
import type { EngineExec, ExecChunk } from "../engine.ts";
import { Demultiplexer } from "./demultiplexer.ts";

export interface AttachedOptions {
  readonly execId: string;
  readonly socket: Duplex;
  readonly maxBufferedBytes: number;
  readonly toError: (cause: unknown) => Error;
}

/** Reads the socket at full speed from the first moment, whatever the consumer does. */
export function attachedExec({
  execId,
  socket,
  maxBufferedBytes,
  toError,
}: AttachedOptions): EngineExec {
  const demultiplexer = new Demultiplexer();
  const waiting: ExecChunk[] = [];
  let bufferedBytes = 0;
  let ended = false;
  let failure: Error | undefined;
  let wake = () => {};

  function end(cause?: unknown): void {
    if (ended) return;
    ended = true;
    if (cause !== undefined) failure = toError(cause);
    socket.destroy();
    wake();
  }

  function take(bytes: Buffer): void {
    for (const chunk of demultiplexer.push(bytes)) {
      waiting.push(chunk);
      bufferedBytes += chunk.bytes.length;
    }
    if (bufferedBytes > maxBufferedBytes)
      end(new Error(`overrun: more than ${maxBufferedBytes} bytes were not taken`));
    wake();
  }

  socket.on("data", (bytes: Buffer) => {
    try {
      take(bytes);
    } catch (error) {
      end(error);
    }
  });
  socket.on("end", () => end());
  socket.on("error", (error) => end(error));
  socket.on("close", () => end(new Error("the connection was closed")));

  async function next(): Promise<IteratorResult<ExecChunk, undefined>> {
    for (;;) {
      const chunk = waiting.shift();
      if (chunk) {
        bufferedBytes -= chunk.bytes.length;
        return { done: false, value: chunk };
      }
      if (failure) throw failure;
      if (ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    execId,
    output: { [Symbol.asyncIterator]: () => ({ next }) },
    write: (bytes) => writeAll(socket, bytes),
    close: () => {
      ended = true;
      socket.destroy();
      wake();
    },
  };
}

function writeAll(socket: Duplex, bytes: Uint8Array): Promise<boolean> {
  if (socket.destroyed || !socket.writable) return Promise.resolve(false);
  if (socket.write(bytes)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (more: boolean) => {
      socket.off("drain", drained);
      socket.off("close", closed);
      resolve(more);
    };
    const drained = () => done(true);
    const closed = () => done(false);
    socket.once("drain", drained);
    socket.once("close", closed);
  });
}
