import { randomBytes } from "node:crypto";
import { DEFAULT_LIMITS } from "@deckhand/core";
import type { Engine } from "../../engines/engine.ts";
import { attachedSession } from "../../sessions/attached/attached-session.ts";
import { filedSession } from "../../sessions/filed/filed-session.ts";
import { type GuardedSessions, guardedSessions } from "../guarded-sessions.ts";
import { WAYS, type Way } from "../ways/way.ts";

const opened = new Set<GuardedSessions>();

export interface OpenGuardedOptions {
  /** The same key is the same server, after a restart. */
  readonly key?: Uint8Array;
  readonly isWanted?: (executionId: string) => Promise<boolean>;
  readonly ways?: readonly Way[];
  readonly onFallback?: (why: string) => void;
}

/** Sessions as the server has them; what they leave in a guard nobody waits for, unless it is said otherwise. */
export function openGuarded(
  engine: Engine,
  {
    key = randomBytes(32),
    isWanted = async () => false,
    ways = WAYS,
    onFallback = (why) => console.log(`fallback: ${why}`),
  }: OpenGuardedOptions = {},
): GuardedSessions {
  const fallback = filedSession({
    engine,
    fallback: attachedSession({ engine, directExec: false }),
  });
  const sessions = guardedSessions({
    engine,
    fallback,
    key,
    mostResting: DEFAULT_LIMITS.restingConnectionsPerEngine,
    isWanted,
    ways,
    onFallback: (_place, why) => onFallback(why),
  });
  opened.add(sessions);
  return sessions;
}

export function closeAll(): void {
  for (const sessions of opened) sessions.close();
  opened.clear();
}
