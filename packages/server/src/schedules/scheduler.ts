import type { FireStep } from "@deckhand/core";
import type { Definition } from "../definitions/definition.ts";
import { decide, type LiveSchedule, toLiveSchedule } from "./live-schedule.ts";
import type { ScheduleClock } from "./schedule-clock.ts";
import type { StoredState } from "./schedule-state-store.ts";
import type { StoredSchedule } from "./stored-schedule.ts";

/** A machine that slept or a clock that was set is noticed within this. */
const LONGEST_WAIT_MS = 30_000;
/** So many schedules start something at once; more would only wait for the same disk. */
const STARTING_AT_ONCE = 16;
const AFTER_FAILURE_MS = 5_000;
/** Reading cron expressions takes its time; requests come in between. */
const PUT_IN_ONE_GO = 50;

/** What became of a step: decided on the disk, to be tried again later, or its schedule is gone. */
export type Carried =
  | { readonly kind: "decided" }
  | { readonly kind: "later"; readonly afterMs: number }
  | { readonly kind: "gone" };

export interface SchedulerDeps {
  readonly clock: ScheduleClock;
  readonly carryOut: (
    definition: Definition<StoredSchedule>,
    step: FireStep,
    startsMs: number,
  ) => Promise<Carried>;
  readonly onFailure: (definition: Definition<StoredSchedule>, error: unknown) => void;
}

export type PutState = Pick<StoredState, "decidedMs" | "pause">;

/** Starts what is due: one timer for all, and the tables say what is due. */
export interface Scheduler {
  /** Takes a schedule, or the newest version of it. */
  put(definition: Definition<StoredSchedule>, state: PutState): void;
  putAll(all: Iterable<readonly [Definition<StoredSchedule>, PutState]>): Promise<void>;
  remove(scheduleId: string): void;
  /** Nothing starts before. */
  start(): void;
  /** Starts nothing more and waits for what is being started. */
  close(): Promise<void>;
}

export function scheduler({ clock, carryOut, onFailure }: SchedulerDeps): Scheduler {
  const schedules = new Map<string, LiveSchedule>();
  const waiting: LiveSchedule[] = [];
  const starting = new Set<Promise<void>>();
  let isOpen = false;
  let lookedMs = clock.now();
  let wakeAtMs = Number.POSITIVE_INFINITY;
  let stopWaiting = () => {};

  function wakeAt(atMs: number): void {
    if (!isOpen || atMs >= wakeAtMs) return;
    stopWaiting();
    wakeAtMs = atMs;
    const waitMs = Math.min(Math.max(0, atMs - clock.now()), LONGEST_WAIT_MS);
    stopWaiting = clock.wait(waitMs, look);
  }

  function look(): void {
    const nowMs = clock.now();
    const wentBack = nowMs < lookedMs;
    lookedMs = nowMs;
    wakeAtMs = Number.POSITIVE_INFINITY;
    wakeAt(nowMs + LONGEST_WAIT_MS);
    for (const live of schedules.values()) {
      if (live.isBusy || !live.isActive) continue;
      const { nextAtMs = Number.POSITIVE_INFINITY } = live;
      // What comes next was found by another time.
      if (wentBack || nextAtMs <= nowMs) take(live);
      else wakeAt(nextAtMs);
    }
    pump();
  }

  function take(live: LiveSchedule): void {
    live.isBusy = true;
    waiting.push(live);
  }

  function pump(): void {
    while (isOpen && starting.size < STARTING_AT_ONCE) {
      const live = waiting.shift();
      if (!live) return;
      const started = serve(live).finally(() => {
        starting.delete(started);
        pump();
      });
      starting.add(started);
    }
  }

  async function serve(live: LiveSchedule): Promise<void> {
    try {
      live.nextAtMs = await carryOutAll(live);
    } catch (error) {
      onFailure(live.definition, error);
      live.nextAtMs = clock.now() + AFTER_FAILURE_MS;
    }
    live.isBusy = false;
    if (live.nextAtMs !== undefined && isCurrent(live)) wakeAt(live.nextAtMs);
  }

  /** Gives the time to look again. */
  async function carryOutAll(live: LiveSchedule): Promise<number | undefined> {
    const nowMs = clock.now();
    const { steps, nextAtMs } = decide(live, nowMs);
    for (const step of steps) {
      if (!isOpen || !isCurrent(live)) return undefined;
      const lastMs = step.kind === "fire" ? step.dueMs : step.toMs;
      const startsMs = lastMs + live.rules.jitterMs(lastMs);
      const carried = await carryOut(live.definition, step, startsMs);
      if (carried.kind === "gone") return undefined;
      if (carried.kind === "later") return clock.now() + carried.afterMs;
      live.decidedMs = lastMs;
    }
    const thenMs = clock.now();
    // By a clock that was set back meanwhile something else comes next.
    return thenMs < nowMs ? thenMs : nextAtMs;
  }

  function isCurrent(live: LiveSchedule): boolean {
    return schedules.get(live.definition.id) === live;
  }

  function put(definition: Definition<StoredSchedule>, state: PutState): void {
    const live = toLiveSchedule(definition, state, clock.now());
    schedules.set(definition.id, live);
    if (live.isActive) wakeAt(clock.now());
  }

  return {
    put,
    putAll: async (all) => {
      let count = 0;
      for (const [definition, state] of all) {
        put(definition, state);
        count += 1;
        if (count % PUT_IN_ONE_GO === 0) await new Promise(setImmediate);
      }
    },
    remove: (scheduleId) => schedules.delete(scheduleId),
    start: () => {
      isOpen = true;
      wakeAt(clock.now());
    },
    close: async () => {
      isOpen = false;
      stopWaiting();
      waiting.length = 0;
      await Promise.all(starting);
    },
  };
}
