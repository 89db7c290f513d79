import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { Duplex } from "node:stream";

/**
 * A command's output and input as one stream. What it wrote comes whole, whenever it stops to take input; its end is the end of the
 * output, and one with another exit code than 0 is an error with what it said.
 */
export function commandStream(
  command: ChildProcessWithoutNullStreams,
  { toError }: { readonly toError: (exitCode: number | null) => Error },
): Duplex {
  const { stdin, stdout } = command;
  const stream = new Duplex({
    read: () => void stdout.resume(),
    // Input that is not taken is told by the end of the output.
    write: (bytes, _encoding, done) => void stdin.write(bytes, () => done()),
    final: (done) => void stdin.end(() => done()),
    destroy: (error, done) => {
      command.kill();
      done(error);
    },
  });
  stdin.on("error", () => undefined);
  stdout.on("data", (bytes: Buffer) => {
    if (!stream.push(bytes)) stdout.pause();
  });
  command.on("error", (error) => stream.destroy(error));
  // Not its "close": what ssh leaves running for the next connection keeps the messages' stream open.
  const exited = new Promise<number | null>((resolve) => {
    command.once("exit", resolve);
  });
  stdout.once("end", () => void exited.then((exitCode) => end(stream, exitCode, toError)));
  return stream;
}

function end(
  stream: Duplex,
  exitCode: number | null,
  toError: (exitCode: number | null) => Error,
): void {
  if (exitCode !== 0) return void stream.destroy(toError(exitCode));
  stream.push(null);
  stream.end();
  // Where nobody reads, as between two requests, nobody would see the end.
  if (stream.listenerCount("data") === 0) stream.resume();
}
