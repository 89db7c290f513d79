import { constants } from "node:os";
import type { Guarantees, OutcomeReason } from "@deckhand/core";
import { OutputQueue } from "../sessions/output-queue.ts";
import type {
  ByteCounts,
  ExecutionSpec,
  Leftover,
  RunningExecution,
  SessionOutcome,
} from "../sessions/session.ts";
import type { ClientFrame, ExitFrame, GuardFrame, Offsets } from "./frames.ts";
import { GuardInput } from "./guard-input.ts";
import { toRefusalReason, toStartFrame } from "./start-frame.ts";

export const GUARD_GUARANTEES: Guarantees = {
  way: "guard",
  durability: "durable",
  stop: "tree",
  survivesServerRestart: true,
};

/** The guard ends everything within the grace; this is for a word that got lost, or a container that stands still. */
const STOP_PATIENCE_MS = 10_000;
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals).map(([name, value]) => [value as number, name]),
);

export type FirstAnswer =
  | { readonly kind: "started" }
  | { readonly kind: "unknown" }
  | { readonly kind: "rejected"; readonly reason: OutcomeReason }
  | { readonly kind: "lost"; readonly reason: OutcomeReason }
  | { readonly kind: "detached" };

export interface GuardExecutionOptions {
  readonly spec: ExecutionSpec;
  readonly channel: number;
  /** What is on our disk already, of an execution that is taken up again. */
  readonly received: Offsets | undefined;
  /** Goes nowhere while there is no connection. */
  readonly send: (frame: ClientFrame) => void;
  /** Nothing more is wanted of it. */
  readonly onClosed: () => void;
  /** While true, a stop waits: nothing moves in a paused container. */
  readonly isPaused: () => Promise<boolean>;
}

/** One execution in a guard, over any number of connections to it. */
export class GuardExecution {
  readonly #options: GuardExecutionOptions;
  readonly #queue = new OutputQueue(Number.MAX_SAFE_INTEGER);
  readonly #first = Promise.withResolvers<FirstAnswer>();
  readonly #outcome = Promise.withResolvers<SessionOutcome>();
  readonly #input: GuardInput;
  readonly #received: { stdout: number; stderr: number };
  /** Output that the guard does not have any more although we never got it. */
  readonly #missed = { stdout: 0, stderr: 0 };
  #acknowledged: ByteCounts = { stdout: 0, stderr: 0 };
  #state: "new" | "sent" | "started" | "ended" = "new";
  #isAnswered = false;
  #stopGraceMs: number | undefined;
  readonly running: RunningExecution;

  constructor(options: GuardExecutionOptions) {
    const { spec, channel, send, received } = options;
    this.#options = options;
    this.#received = { ...(received ?? { stdout: 0, stderr: 0 }) };
    this.#input = new GuardInput(channel, send);
    if (spec.stdin) this.#input.push(spec.stdin);
    if (spec.stdin && !spec.terminal) this.#input.close();
    if (received) this.#state = "started";
    this.running = {
      guarantees: GUARD_GUARANTEES,
      keepsDeadline: true,
      output: this.#queue,
      outcome: this.#outcome.promise,
      acknowledge: (stored) => this.#acknowledge(stored),
      release: () => {
        send({ type: "release", id: spec.executionId });
        options.onClosed();
      },
      stop: ({ graceMs }) => this.#stop(graceMs),
      abandon: (reason) => this.lose(reason),
      detach: () => this.detach(),
      ...(spec.terminal && {
        terminal: {
          write: async (bytes) => {
            this.#input.push(bytes);
            await this.#input.ready();
            return this.#state !== "ended";
          },
          resize: ({ columns, rows }) => send({ type: "resize", channel, columns, rows }),
        },
      }),
    };
  }

  get id(): string {
    return this.#options.spec.executionId;
  }

  get spec(): ExecutionSpec {
    return this.#options.spec;
  }

  get isOver(): boolean {
    return this.#state === "ended";
  }

  /** Whether the guard may have it. */
  get wasSent(): boolean {
    return this.#state !== "new";
  }

  /** How the start came out. */
  get firstAnswer(): Promise<FirstAnswer> {
    return this.#first.promise;
  }

  /** A connection stands: says again what the guard may not have heard. */
  connect(): void {
    const { spec, channel, send } = this.#options;
    this.#input.detach();
    if (this.#state === "ended") return;
    if (this.#state === "started") {
      send({ type: "attach", channel, id: this.id, offsets: { ...this.#received } });
    } else {
      this.#state = "sent";
      send(toStartFrame(spec, channel));
    }
    this.#sendAcknowledged();
    if (this.#stopGraceMs !== undefined)
      send({ type: "stop", channel, graceMs: this.#stopGraceMs });
  }

  take(frame: GuardFrame): void {
    if (this.#state === "ended") return;
    if (frame.type === "started") this.#started(0);
    else if (frame.type === "refused") this.#refused(frame.refusal, frame.errno);
    else if (frame.type === "attached") this.#attached(frame);
    else if (frame.type === "out") this.#takeOutput(frame);
    else if (frame.type === "in-ack") this.#input.acknowledge(frame.offset);
    else if (frame.type === "exit") this.#takeExit(frame);
  }

  /** The guard has never heard of it, or is another one. */
  forgotten(reason: OutcomeReason): void {
    if (this.#options.received && !this.#isAnswered) this.#first.resolve({ kind: "unknown" });
    this.lose(reason);
  }

  lose(reason: OutcomeReason): void {
    this.#first.resolve({ kind: "lost", reason });
    this.#end({ kind: "lost", reason, dropped: { ...this.#missed } });
  }

  detach(): void {
    this.#first.resolve({ kind: "detached" });
    this.#end({ kind: "detached", dropped: { ...this.#missed } });
  }

  #started(inputOffset: number): void {
    this.#isAnswered = true;
    this.#state = "started";
    this.#first.resolve({ kind: "started" });
    this.#input.attach(inputOffset);
  }

  #refused(refusal: number, errno: number): void {
    const { spec, send } = this.#options;
    send({ type: "release", id: this.id });
    const reason = toRefusalReason(refusal, errno, spec);
    this.#first.resolve({ kind: "rejected", reason });
    this.lose(reason);
    this.#options.onClosed();
  }

  #attached({ offsets, inputOffset }: Extract<GuardFrame, { type: "attached" }>): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const gap = offsets[stream] - this.#received[stream];
      if (gap <= 0) continue;
      this.#missed[stream] += gap;
      this.#received[stream] = offsets[stream];
    }
    this.#started(inputOffset);
  }

  #takeOutput({ stream, offset, bytes }: Extract<GuardFrame, { type: "out" }>): void {
    const known = this.#received[stream] - offset;
    if (known < 0)
      return this.lose({ code: "connection-lost", detail: "The guard left output out." });
    if (known >= bytes.length) return;
    this.#received[stream] = offset + bytes.length;
    this.#queue.push({ stream, bytes: known > 0 ? bytes.subarray(known) : bytes });
  }

  #takeExit(frame: ExitFrame): void {
    const { produced, dropped } = frame;
    const isWhole = (["stdout", "stderr"] as const).every(
      (stream) => this.#received[stream] === produced[stream] - dropped[stream],
    );
    // It comes again, with what is missing, when the connection does.
    if (!isWhole) return this.connect();
    this.#started(0);
    this.#end(toOutcome(frame, this.#missed));
  }

  #end(outcome: SessionOutcome): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#queue.end();
    void this.#queue.drained.then(() => this.#outcome.resolve(outcome));
    // Settled ones stay with the session until they are released, so that it is not closed too early.
    if (outcome.kind !== "exited") this.#options.onClosed();
  }

  #acknowledge(stored: ByteCounts): void {
    const { stdout, stderr } = this.#acknowledged;
    if (stored.stdout <= stdout && stored.stderr <= stderr) return;
    this.#acknowledged = stored;
    // What has ended was received whole, and its release says more than an acknowledgement.
    if (this.#state !== "ended") this.#sendAcknowledged();
  }

  #sendAcknowledged(): void {
    const { stdout, stderr } = this.#acknowledged;
    if (stdout === 0 && stderr === 0) return;
    const offsets = {
      stdout: stdout + this.#missed.stdout,
      stderr: stderr + this.#missed.stderr,
    };
    this.#options.send({ type: "ack", channel: this.#options.channel, offsets });
  }

  async #stop(graceMs: number): Promise<readonly Leftover[]> {
    const { send, channel, isPaused } = this.#options;
    this.#stopGraceMs = graceMs;
    send({ type: "stop", channel, graceMs });
    for (;;) {
      const patience = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => patience.resolve(undefined), graceMs + STOP_PATIENCE_MS);
      const outcome = await Promise.race([this.#outcome.promise, patience.promise]);
      clearTimeout(timer);
      if (outcome) return outcome.kind === "exited" ? outcome.leftovers : [];
      if (!(await isPaused())) return [];
    }
  }
}

function toOutcome(frame: ExitFrame, missed: Offsets): SessionOutcome {
  const dropped = {
    stdout: frame.dropped.stdout + missed.stdout,
    stderr: frame.dropped.stderr + missed.stderr,
  };
  if (frame.how === "unknown") {
    const detail = "The guard's process beside the script was killed.";
    return { kind: "lost", reason: { code: "guard-gone", detail }, dropped };
  }
  const isSignal = frame.how === "signal";
  return {
    kind: "exited",
    exitCode: isSignal ? 128 + frame.value : frame.value,
    signal: isSignal ? (SIGNAL_NAMES.get(frame.value) ?? `signal ${frame.value}`) : undefined,
    stoppedBy: frame.cause === "deadline" ? "deadline" : undefined,
    usage: {
      cpuMs: Math.round(frame.cpuMicros / 1000),
      maxMemoryBytes: frame.maxRssKib * 1024,
      oomKills: frame.oomKills,
    },
    outputComplete: missed.stdout === 0 && missed.stderr === 0,
    dropped,
    leftovers: frame.leftovers,
  };
}
