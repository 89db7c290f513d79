import { createHmac } from "node:crypto";
import { type Guarantees, isAppError, type OutcomeReason } from "@deckhand/core";
import type { Engine } from "../engines/engine.ts";
import type { ContainerPlace, Examiner } from "../sessions/examination.ts";
import type { ExecutionSpec, Session, StartResult } from "../sessions/session.ts";
import { examine } from "./examine.ts";
import type { GuardExecution } from "./guard-execution.ts";
import { GUARD_GUARANTEES } from "./guard-execution.ts";
import type { GuardAddress, GuardLink } from "./guard-link.ts";
import { findGuardProgram } from "./guard-program.ts";
import { GuardSession } from "./guard-session.ts";
import { restingLinks } from "./resting-links.ts";
import { turnstile } from "./turnstile.ts";
import { NoWay, wayMemory } from "./ways/open-by-any-way.ts";
import type { Way } from "./ways/way.ts";

const RETRY_MS = 250;
const REST_MS = 5 * 60_000;
/** An engine does not open more in a second when it is asked for all at once: each would take as long as all of them. */
const OPENING_AT_ONCE = 8;
/** How often a connection may break while it is opened, until we take another way. */
const BROKEN_TRIES = 3;

export interface GuardedSessionsOptions {
  readonly engine: Engine;
  /** By which the guard may be brought into its containers, in the order in which they are tried. */
  readonly ways: readonly Way[];
  /** Carries out what the guard can not: containers that let it in by no way. */
  readonly fallback: Session;
  /** What holds for a plain command line where there is no shell; `undefined` where it is not allowed. */
  readonly withoutShell?: Guarantees | undefined;
  /** Only whoever has it reaches our guards: names and secrets of all of them come from it. */
  readonly key: Uint8Array;
  /** So many connections stay open while nothing runs over them: each is an exec that the engine carries. */
  readonly mostResting: number;
  readonly isWanted: (executionId: string) => Promise<boolean>;
  /** Says that the fallback is taken in a container, and why. */
  readonly onFallback: (place: ContainerPlace, why: string) => void;
}

export interface GuardedSessions extends Session, Examiner {
  /** What holds for an execution that starts now; `undefined` where there is no connection to a guard. */
  findOpenWay(place: ContainerPlace): Guarantees | undefined;
  /** Lets go of everything that runs; it goes on in the containers. */
  close(): void;
}

/** Runs scripts by a guard in each container, and by the fallback where there can be none. */
export function guardedSessions(options: GuardedSessionsOptions): GuardedSessions {
  const { engine, fallback } = options;
  const sessions = new Map<string, GuardSession>();
  const memory = wayMemory(options.ways);
  const resting = restingLinks({ most: options.mostResting, forMs: REST_MS });
  const inTurn = turnstile(OPENING_AT_ONCE);
  let closed = false;

  async function sessionOf(place: ContainerPlace): Promise<GuardSession | undefined> {
    const key = keyOf(place);
    const known = sessions.get(key);
    if (known) return known;
    const program = findGuardProgram((await engine.version()).arch);
    if (!program) return undefined;
    const session =
      sessions.get(key) ??
      new GuardSession({
        engine,
        containerId: place.containerId,
        user: place.user,
        address: toAddress(options, place),
        program,
        memory,
        resting,
        isWanted: options.isWanted,
        onIdle: () => {
          if (sessions.get(key) === session) sessions.delete(key);
        },
      });
    sessions.set(key, session);
    return session;
  }

  /** What waits for its turn spends nothing of its time. */
  async function open(place: ContainerPlace, timeoutMs: number): Promise<Opening> {
    let leftMs = timeoutMs;
    for (let tries = 1; ; tries++) {
      try {
        const session = await sessionOf(place);
        if (!session) return { kind: "impossible", leftMs };
        const link = await (session.isOpen ? session.open() : openInTurn(session));
        return { kind: "opened", session, link, leftMs };
      } catch (error) {
        const again = isPassing(error) || (isBroken(error) && tries < BROKEN_TRIES);
        if (closed || !again || leftMs < RETRY_MS) {
          options.onFallback(place, error instanceof Error ? error.message : String(error));
          return { kind: error instanceof TooLate ? "late" : "impossible", leftMs };
        }
        leftMs -= RETRY_MS;
        await delay(RETRY_MS);
      }
    }

    /** The place is kept for as long as the engine is busy with it, also when that is too late for us. */
    function openInTurn(session: GuardSession): Promise<GuardLink> {
      const answer = Promise.withResolvers<GuardLink>();
      void inTurn(async () => {
        const from = performance.now();
        const opening = session.open();
        await within(opening, leftMs).then(answer.resolve, answer.reject);
        leftMs -= performance.now() - from;
        await opening.catch(() => undefined);
      });
      return answer.promise;
    }
  }

  async function start(
    spec: ExecutionSpec,
    onWay: Parameters<Session["start"]>[1],
  ): Promise<StartResult> {
    const opened = await open(spec, spec.startTimeoutMs);
    if (closed) return { kind: "detached" };
    // Another way would only have to wait for the same engine, and could leave us not knowing what it did.
    if (opened.kind === "late") return { kind: "rejected", reason: toLate(spec) };
    const leftMs = Math.max(1_000, opened.leftMs);
    if (opened.kind !== "opened") return fallback.start({ ...spec, startTimeoutMs: leftMs }, onWay);
    await onWay?.(GUARD_GUARANTEES);
    if (closed) return { kind: "detached" };
    const execution = opened.session.start(spec);
    return toStartResult(execution, spec, leftMs);
  }

  return {
    start,
    resume: async (spec, received, way = GUARD_GUARANTEES.way) => {
      if (way !== GUARD_GUARANTEES.way) return fallback.resume(spec, received, way);
      const opened = await open(spec, spec.startTimeoutMs);
      if (closed) return { kind: "detached" };
      if (opened.kind !== "opened") {
        const detail = "The guard that holds the script could not be reached.";
        return { kind: "lost", reason: { code: "guard-gone", detail } };
      }
      const execution = opened.session.resume(spec, received);
      const answer = await execution.firstAnswer;
      if (answer.kind === "started") return { kind: "resumed", execution: execution.running };
      if (answer.kind === "rejected") return { kind: "lost", reason: answer.reason };
      // A guard that we had to start ourselves does not know what an earlier one did.
      if (answer.kind === "unknown" && opened.link.startedGuard) {
        const detail = "The guard in the container, which held the script, had ended.";
        return { kind: "lost", reason: { code: "guard-gone", detail } };
      }
      return answer;
    },
    findOpenWay: (place) =>
      sessions.get(keyOf(place))?.isOpen && !closed ? GUARD_GUARANTEES : undefined,
    findLeftovers: fallback.findLeftovers,
    examine: (place) =>
      examine(
        {
          engine,
          fallback,
          withoutShell: options.withoutShell,
          findSession: () => sessionOf(place),
        },
        place,
      ),
    close: () => {
      closed = true;
      for (const session of sessions.values()) session.close();
    },
  };
}

function keyOf({ containerId, user }: ContainerPlace): string {
  return `${containerId}|${user}`;
}

/** How it came out, and what is left of the time for it. */
type Opening =
  | {
      readonly kind: "opened";
      readonly session: GuardSession;
      readonly link: GuardLink;
      readonly leftMs: number;
    }
  | { readonly kind: "impossible" | "late"; readonly leftMs: number };

class TooLate extends Error {}

function toLate({ startTimeoutMs }: ExecutionSpec): OutcomeReason {
  const detail = `The guard in the container did not answer within ${startTimeoutMs / 1000} s; nothing was started.`;
  return { code: "start-timed-out", detail };
}

async function toStartResult(
  execution: GuardExecution,
  spec: ExecutionSpec,
  timeoutMs: number,
): Promise<StartResult> {
  const timer = setTimeout(() => {
    const seconds = spec.startTimeoutMs / 1000;
    void execution.running.stop({ graceMs: 0 });
    execution.lose({
      code: "start-timed-out",
      detail: `The guard did not say within ${seconds} s that the script runs.`,
    });
  }, timeoutMs);
  const answer = await execution.firstAnswer;
  clearTimeout(timer);
  if (answer.kind === "started") return { kind: "started", execution: execution.running };
  if (answer.kind === "unknown") throw new TypeError("a start is never unknown");
  return answer;
}

/** One guard for each server, container and user; others know neither its name nor its secret. */
function toAddress(
  { key, engine }: GuardedSessionsOptions,
  { containerId, user }: ContainerPlace,
): GuardAddress {
  const derive = (what: string) =>
    createHmac("sha256", key).update(`${what}\0${engine.name}\0${containerId}\0${user}`).digest();
  return {
    name: derive("name").toString("hex").slice(0, 32),
    secret: derive("secret").subarray(0, 16),
  };
}

function isPassing(error: unknown): boolean {
  return (
    isAppError(error, "TARGET_STATE_CONFLICT") &&
    ["paused", "restarting"].includes(String(error.extra.containerStatus))
  );
}

/** Neither the engine nor a program said why. */
function isBroken(error: unknown): boolean {
  return !isAppError(error) && !(error instanceof NoWay) && !(error instanceof TooLate);
}

async function within<Value>(value: Promise<Value>, timeoutMs: number): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new TooLate("the guard did not answer in time")),
    Math.max(0, timeoutMs),
  );
  try {
    return await Promise.race([value, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
