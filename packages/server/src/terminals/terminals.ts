import {
  AppError,
  assertEnvAllowed,
  type OpenTerminalRequest,
  type OutcomeReason,
  type Target,
  type TerminalEnd,
} from "@deckhand/core";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caller } from "../audit/caller.ts";
import type { RunningExecution } from "../sessions/session.ts";
import type { SelectTargetsDeps } from "../targets/select-targets.ts";
import { happensWithin } from "./happens-within.ts";
import { type LiveTerminal, liveTerminal, type TerminalPace } from "./live-terminal.ts";
import { pickTarget } from "./pick-target.ts";
import { shuttingDown, startExecution, type StartDeps } from "./start-execution.ts";

export interface TerminalsDeps extends StartDeps {
  readonly select: SelectTargetsDeps;
  /** Calls back once when the container ended or became another incarnation. */
  readonly watchContainer: (
    place: {
      readonly engine: string;
      readonly containerId: string;
      readonly startedAt: string | undefined;
      /** What is durable goes on while the engine is away. */
      readonly waitsForEngine: boolean;
    },
    onEnd: (reason: OutcomeReason) => void,
  ) => () => void;
  readonly audit: Pick<AuditLog, "record">;
  readonly now: () => number;
  /** How many may be open at once. */
  readonly most: number;
  readonly pace: TerminalPace;
  /** A fault of ours, for the log. */
  readonly onFault: (terminalId: string, error: unknown) => void;
}

/** A terminal with what is known of it since it was opened. */
export interface OpenedTerminal {
  readonly id: string;
  readonly target: Target;
  readonly request: OpenTerminalRequest;
  readonly by: Caller["principal"];
  readonly sinceMs: number;
  readonly guarantees: RunningExecution["guarantees"];
  readonly live: LiveTerminal;
}

/** The terminals of this server process, the newest last. */
export interface Terminals {
  open(request: OpenTerminalRequest, caller: Caller): Promise<OpenedTerminal>;
  list(): readonly OpenedTerminal[];
  /** Throws TERMINAL_NOT_FOUND. */
  get(terminalId: string): OpenedTerminal;
  /** Ends the whole process tree and waits for it; one that has ended stays as it is. */
  end(terminalId: string, caller: Caller): Promise<OpenedTerminal>;
  /** Opens nothing more and ends all. */
  close(): Promise<void>;
}

/** An ended one is kept this long, so that a watcher that was cut learns how it ended. */
const ENDED_KEPT_MS = 5 * 60 * 1000;
/** An engine that does not answer must not hold up the server's end. */
const SHUTDOWN_WITHIN_MS = 3_000;
const NOBODY = { principal: undefined, address: null, requestId: null };

export function terminals(deps: TerminalsDeps): Terminals {
  const known = new Map<string, OpenedTerminal>();
  let opening = 0;
  let isClosing = false;

  const openCount = () => opening + [...known.values()].filter(({ live }) => !live.end).length;

  function assertRoom(): void {
    if (isClosing) throw shuttingDown();
    if (openCount() >= deps.most) throw tooMany(deps.most);
  }

  async function open(request: OpenTerminalRequest, caller: Caller): Promise<OpenedTerminal> {
    assertEnvAllowed(request.env);
    const target = await pickTarget(deps.select, request.on);
    assertRoom();
    opening += 1;
    try {
      return await start(request, target, caller);
    } finally {
      opening -= 1;
    }
  }

  async function start(
    request: OpenTerminalRequest,
    target: Target,
    caller: Caller,
  ): Promise<OpenedTerminal> {
    const id = deps.newId("terminal");
    const execution = await startExecution(deps, { id, request, target });
    const { columns, rows } = request;
    const { pace, now } = deps;
    const live = liveTerminal({ id, execution, size: { columns, rows }, pace, now });
    const { guarantees } = execution;
    const by = caller.principal;
    const opened = { id, target, request, by, sinceMs: now(), guarantees, live };
    known.set(id, opened);
    void follow(opened).catch((error: unknown) => deps.onFault(id, error));
    await recordOpening(opened, caller);
    if (isClosing) void live.stop(SHUTDOWN);
    return opened;
  }

  /** What is not in the audit log does not go on. */
  async function recordOpening({ id, target, request, live }: OpenedTerminal, caller: Caller) {
    const { argv, user } = request;
    const detail = { target: target.name, engine: target.engine, argv: argv ?? null, user };
    const entry = {
      caller,
      action: "terminal.open",
      object: id,
      outcome: "allowed",
      detail,
    } as const;
    await deps.audit.record(entry).catch(async (error: unknown) => {
      await live.stop({ code: "ended", detail: "Its opening could not be recorded." });
      known.delete(id);
      throw error;
    });
  }

  async function follow({ id, target, live, guarantees }: OpenedTerminal): Promise<void> {
    const { engine, containerId } = target;
    const startedAt = target.startedAt ?? undefined;
    const waitsForEngine = guarantees.survivesServerRestart;
    const place = { engine, containerId, startedAt, waitsForEngine };
    const unwatch = deps.watchContainer(place, live.abandon);
    const end = await live.ended;
    unwatch();
    setTimeout(() => known.delete(id), ENDED_KEPT_MS).unref();
    const { reason, exitCode } = end;
    const detail = { target: target.name, reason: reason.code, exitCode, bytes: live.shown.end };
    const entry = { action: "terminal.close", object: id, outcome: "allowed", detail } as const;
    await deps.audit.record({ caller: NOBODY, ...entry });
  }

  function get(terminalId: string): OpenedTerminal {
    const found = known.get(terminalId);
    if (found) return found;
    throw new AppError("TERMINAL_NOT_FOUND", {
      detail: `There is no terminal ${terminalId}; it ended some time ago, or the server was restarted.`,
      hint: "See which there are: deckhand terminals",
    });
  }

  return {
    open,
    list: () => [...known.values()],
    get,
    end: async (terminalId, caller) => {
      const opened = get(terminalId);
      if (opened.live.end) return opened;
      await deps.audit.record({
        caller,
        action: "terminal.end",
        object: terminalId,
        outcome: "allowed",
        detail: { target: opened.target.name },
      });
      const by = caller.principal?.name ?? "nobody";
      await opened.live.stop({ code: "ended", detail: `It was ended by ${by}.` });
      return opened;
    },
    close: async () => {
      isClosing = true;
      const all = Promise.all([...known.values()].map(({ live }) => live.stop(SHUTDOWN)));
      await happensWithin(all, SHUTDOWN_WITHIN_MS);
    },
  };
}

const SHUTDOWN: TerminalEnd["reason"] = {
  code: "shutdown",
  detail: "The server was shut down; terminals end with it.",
};

function tooMany(most: number): AppError {
  return new AppError("RATE_LIMITED", {
    detail: `${most} terminals are open already.`,
    hint: "See them with `deckhand terminals`, and end one that nobody needs.",
    extra: { retryAfterSeconds: 5 },
  });
}
