import { setTimeout as sleep } from "node:timers/promises";
import { nextAttemptMs } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { AttemptResult } from "./attempt.ts";
import {
  type DeliveryChange,
  type DeliveryRow,
  findDelivery,
  findNextDueMs,
  listDue,
  updateDelivery,
} from "./delivery-store.ts";

/** One receiver that is slow has this many at once, and all together that many. */
const AT_ONCE_EACH = 2;
const AT_ONCE = 16;
/** A clock that was set, or a look that failed, costs this much at most. */
const LONGEST_REST_MS = 30_000;
const AFTER_FAULT_MS = 1_000;

export interface DispatcherDeps {
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly now: () => number;
  readonly chance: () => number;
  /** Makes one attempt; never throws. */
  readonly attempt: (delivery: DeliveryRow, signal: AbortSignal) => Promise<AttemptResult>;
  /** The receiver wants nothing any more. */
  readonly onGone: (delivery: DeliveryRow, result: AttemptResult) => Promise<void>;
  readonly onAttempt: (delivery: DeliveryRow, result: AttemptResult) => void;
  readonly onFault: (error: unknown) => void;
}

/** Tells receivers what they are owed, beside everything else. */
export interface DeliveryDispatcher {
  /** Something may be due now. */
  wake(): void;
  /** Makes the attempt that is due now, or waits for the one that is under way. */
  deliverNow(deliveryId: string): Promise<void>;
  /** Gives up what is under way; it is still owed. */
  close(): Promise<void>;
}

export function deliveryDispatcher(deps: DispatcherDeps): DeliveryDispatcher {
  const closing = new AbortController();
  const underWay = new Map<string, Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let lookAgain = false;

  function wake(): void {
    if (closing.signal.aborted) return;
    if (looking) lookAgain = true;
    else looking = look().finally(endLook);
  }

  function endLook(): void {
    looking = undefined;
    if (lookAgain) wake();
  }

  async function look(): Promise<void> {
    lookAgain = false;
    clearTimeout(timer);
    let restMs = LONGEST_REST_MS;
    try {
      const nowMs = deps.now();
      for (const delivery of await listDue(deps.db, { nowMs, perNotification: AT_ONCE_EACH }))
        if (underWay.size < AT_ONCE && !closing.signal.aborted) void start(delivery);
      const nextMs = await findNextDueMs(deps.db, nowMs);
      restMs = Math.min(restMs, Math.max(0, (nextMs ?? Number.POSITIVE_INFINITY) - deps.now()));
    } catch (error) {
      deps.onFault(error);
    }
    if (!closing.signal.aborted) timer = setTimeout(wake, restMs);
  }

  function start(delivery: DeliveryRow): Promise<void> {
    const known = underWay.get(delivery.id);
    if (known) return known;
    const started = deliver(deps, delivery, closing.signal)
      .catch((error: unknown) => {
        deps.onFault(error);
        // It is due still, and what failed would fail at once again.
        return rest(AFTER_FAULT_MS, closing.signal);
      })
      .finally(() => {
        underWay.delete(delivery.id);
        wake();
      });
    underWay.set(delivery.id, started);
    return started;
  }

  return {
    wake,
    deliverNow: async (id) => {
      const delivery = await findDelivery(deps.db, id);
      if (delivery?.state === "owed") await start(delivery);
    },
    close: async () => {
      closing.abort();
      clearTimeout(timer);
      await looking;
      await Promise.all(underWay.values());
    },
  };
}

async function deliver(
  deps: DispatcherDeps,
  delivery: DeliveryRow,
  closing: AbortSignal,
): Promise<void> {
  // Nobody hears of a run's end before it would outlive the machine.
  await deps.synced();
  const result = await deps.attempt(delivery, closing);
  if (closing.aborted && result.kind !== "delivered") return;
  await noteResult(deps, { delivery, result, closing });
  deps.onAttempt(delivery, result);
  if (result.kind === "gone") await deps.onGone(delivery, result);
}

interface Told {
  readonly delivery: DeliveryRow;
  readonly result: AttemptResult;
  readonly closing: AbortSignal;
}

/** Writes down what is known only here, as often as it takes: what is not written down would be told again. */
async function noteResult(
  deps: DispatcherDeps,
  { delivery, result, closing }: Told,
): Promise<void> {
  const change = toChange(deps, delivery, result);
  for (;;) {
    try {
      await updateDelivery(deps.db, delivery.id, change);
      return await deps.synced();
    } catch (error) {
      if (closing.aborted) throw error;
      deps.onFault(error);
      await rest(AFTER_FAULT_MS, closing);
    }
  }
}

/** Ends early when the signal aborts. */
function rest(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}

function toChange(
  { now, chance }: DispatcherDeps,
  delivery: DeliveryRow,
  result: AttemptResult,
): DeliveryChange {
  const atMs = now();
  const attempts = delivery.attempts + 1;
  const nextMs =
    result.kind === "failed" && !isOnce(delivery)
      ? nextAttemptMs({ attempts, atMs, chance: chance(), retryAfterMs: result.retryAfterMs })
      : undefined;
  return {
    state: result.kind === "delivered" ? "delivered" : nextMs === undefined ? "given-up" : "owed",
    attempts,
    next_attempt_at: nextMs ?? null,
    last_attempt_at: atMs,
    last_status: result.status,
    last_answer: result.answer,
  };
}

/** Somebody waits for the answer of a test; nobody does any more later. */
function isOnce({ event }: DeliveryRow): boolean {
  return event === "notification.test";
}
