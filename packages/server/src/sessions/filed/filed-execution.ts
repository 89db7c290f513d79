import type { Guarantees } from "@deckhand/core";
import type { Engine } from "../../engines/engine.ts";
import { type AttachedExecution, attachExecution } from "../attached/attached-execution.ts";
import type { ByteCounts, ExecutionSpec, RunningExecution, SessionOutcome } from "../session.ts";
import { FiledStream } from "./filed-stream.ts";
import type { ReaderLink, Wrapper } from "./reader-link.ts";
import { releaseFiles } from "./release-files.ts";

export const FILED_GUARANTEES: Guarantees = {
  way: "shell-files",
  durability: "durable",
  stop: "marker-sweep",
  survivesServerRestart: true,
};

/** One frame of our own log: what is nearer to the limit than this may be the last that is kept. */
const LAST_FRAME_BYTES = 64 * 1024;

export interface FollowOptions {
  readonly engine: Engine;
  readonly spec: ExecutionSpec;
  readonly link: ReaderLink;
  /** What the reader said of the wrapper. */
  readonly wrapper: Wrapper;
  /** What we have already of what the script itself wrote. */
  readonly received: ByteCounts;
  readonly containerStartedAt: string | undefined;
}

/** Where script bytes lie in the files: our program's first two notes are before them. */
function toOffsets(script: ByteCounts, { nonce, pid }: Wrapper): ByteCounts {
  if (script.stdout === 0) return script;
  const notes = `\u001edeckhand ${nonce} hello ${pid}\n\u001edeckhand ${nonce} ready\n`;
  return { stdout: script.stdout + notes.length, stderr: script.stderr };
}

/** Follows an execution whose wrapper writes into files, as if we were attached to it. */
export function followExecution(options: FollowOptions): AttachedExecution {
  const { engine, spec, wrapper, received } = options;
  const stream = new FiledStream({ ...options, offsets: toOffsets(received, wrapper) });
  const { firstWord, running } = attachExecution({
    engine,
    spec,
    exec: stream,
    nonce: wrapper.nonce,
    containerStartedAt: options.containerStartedAt,
    durable: {
      guarantees: FILED_GUARANTEES,
      wrapperPid: wrapper.pid,
      isReady: received.stdout > 0 || received.stderr > 0,
    },
  });
  return { firstWord, running: toRunning(options, stream, running) };
}

function toRunning(
  { engine, spec, wrapper }: FollowOptions,
  stream: FiledStream,
  running: RunningExecution,
): RunningExecution {
  return {
    ...running,
    acknowledge: (stored) => {
      const { stdout, stderr } = stream.missed;
      const script = { stdout: stored.stdout + stdout, stderr: stored.stderr + stderr };
      // What comes above the limit is never stored, and must not be waited for.
      const isFull = stored.stdout + stored.stderr >= spec.outputBytes - LAST_FRAME_BYTES;
      if (isFull) stream.keepNothing();
      stream.acknowledge(toOffsets(script, wrapper));
    },
    release: () => void releaseFiles(engine, spec),
    outcome: running.outcome.then((outcome) => withMissed(outcome, stream)),
  };
}

function withMissed(outcome: SessionOutcome, { missed, isWhole }: FiledStream): SessionOutcome {
  const dropped = {
    stdout: outcome.dropped.stdout + missed.stdout,
    stderr: outcome.dropped.stderr + missed.stderr,
  };
  if (outcome.kind !== "exited") return { ...outcome, dropped };
  return { ...outcome, dropped, outputComplete: outcome.outputComplete && isWhole };
}
