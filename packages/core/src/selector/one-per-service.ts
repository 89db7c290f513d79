import type { Target } from "../contract/target.ts";

/** The lower, the better a target stands for its service. */
const RANK_BY_HEALTH: Readonly<Record<Target["health"], number>> = {
  healthy: 0,
  none: 0,
  starting: 1,
  unhealthy: 2,
};
const NOT_RUNNING = 3;

/**
 * Keeps one target of each service: one that runs and is healthy where there is such, else the first. Services of the same
 * name on two engines are two; a target without a service is kept.
 */
export function onePerService(targets: readonly Target[]): Target[] {
  const best = new Map<string, Target>();
  for (const target of targets) {
    const key = serviceKey(target);
    const before = best.get(key);
    if (!before || rank(target) < rank(before)) best.set(key, target);
  }
  return targets.filter((target) => best.get(serviceKey(target)) === target);
}

function serviceKey({ id, engine, project, service }: Target): string {
  return service === null ? id : JSON.stringify([engine, project, service]);
}

function rank({ state, health }: Target): number {
  return state === "running" ? RANK_BY_HEALTH[health] : NOT_RUNNING;
}
