import { randomBytes } from "node:crypto";
import type { Engine } from "../../engines/engine.ts";
import { attachedSession } from "../../sessions/attached/attached-session.ts";
import { type GuardedSessions, guardedSessions } from "../guarded-sessions.ts";

const opened = new Set<GuardedSessions>();

export interface OpenGuardedOptions {
  /** The same key is the same server, after a restart. */
  readonly key?: Uint8Array;
  readonly isWanted?: (executionId: string) => Promise<boolean>;
}

/** Sessions as the server has them; what they leave in a guard nobody waits for, unless it is said otherwise. */
export function openGuarded(
  engine: Engine,
  { key = randomBytes(32), isWanted = async () => false }: OpenGuardedOptions = {},
): GuardedSessions {
  const fallback = attachedSession({ engine, directExec: false });
  const sessions = guardedSessions({
    engine,
    fallback,
    key,
    isWanted,
    onFallback: (_place, why) => console.log(`fallback: ${why}`),
  });
  opened.add(sessions);
  return sessions;
}

export function closeAll(): void {
  for (const sessions of opened) sessions.close();
  opened.clear();
}
