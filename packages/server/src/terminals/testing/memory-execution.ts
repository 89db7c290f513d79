import type {
  ByteCounts,
  OutputChunk,
  RunningExecution,
  SessionOutcome,
  TerminalInput,
  TerminalSize,
} from "../../sessions/session.ts";

/** A program that shows what a test wants, and remembers what was done to it. */
export interface MemoryExecution {
  readonly execution: RunningExecution & { readonly terminal: TerminalInput };
  /** Resolves when the terminal has taken it. */
  show(bytes: Uint8Array): Promise<void>;
  exit(exitCode: number): void;
  readonly typed: string;
  readonly sizes: readonly TerminalSize[];
  readonly acknowledged: ByteCounts;
  readonly stops: number;
  readonly isReleased: boolean;
}

export function memoryExecution(): MemoryExecution {
  const waiting: { readonly chunk: OutputChunk; readonly taken: () => void }[] = [];
  const outcome = Promise.withResolvers<SessionOutcome>();
  let wake = () => {};
  let isOver = false;
  let typed = "";
  let acknowledged: ByteCounts = { stdout: 0, stderr: 0 };
  let stops = 0;
  let isReleased = false;
  const sizes: TerminalSize[] = [];

  async function* output(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const next = waiting.shift();
      if (next) {
        yield next.chunk;
        next.taken();
      } else if (isOver) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  function end(result: SessionOutcome): void {
    isOver = true;
    outcome.resolve(result);
    wake();
  }

  const nothing = { stdout: 0, stderr: 0 };
  const exit = (exitCode: number, signal?: string) =>
    end({
      kind: "exited",
      exitCode,
      signal,
      stoppedBy: undefined,
      usage: undefined,
      outputComplete: true,
      dropped: nothing,
      leftovers: [],
    });

  return {
    execution: {
      guarantees: {
        way: "guard",
        durability: "durable",
        stop: "tree",
        survivesServerRestart: true,
      },
      keepsDeadline: true,
      terminal: {
        write: async (bytes) => {
          typed += Buffer.from(bytes).toString("latin1");
          return true;
        },
        resize: (size) => void sizes.push(size),
      },
      acknowledge: (stored) => {
        acknowledged = stored;
      },
      release: () => {
        isReleased = true;
      },
      output: output(),
      outcome: outcome.promise,
      stop: async () => {
        stops += 1;
        exit(137, "SIGKILL");
        return [];
      },
      abandon: (reason) => end({ kind: "lost", reason, dropped: nothing }),
      detach: () => end({ kind: "detached", dropped: nothing }),
    },
    show: (bytes) =>
      new Promise((taken) => {
        waiting.push({ chunk: { stream: "stdout", bytes }, taken });
        wake();
      }),
    exit,
    get typed() {
      return typed;
    },
    sizes,
    get acknowledged() {
      return acknowledged;
    },
    get stops() {
      return stops;
    },
    get isReleased() {
      return isReleased;
    },
  };
}
