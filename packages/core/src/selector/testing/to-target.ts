import type { Target } from "../../contract/target.ts";

/** A target with what a test does not care about filled in. */
export function toTarget(given: Partial<Target> & { name: string }): Target {
  return {
    id: `tgt_${given.name.padEnd(16, "0").slice(0, 16)}`,
    engine: "local",
    containerId: given.name.padEnd(64, "0"),
    image: "postgres:16",
    state: "running",
    health: "none",
    project: null,
    service: null,
    labels: {},
    startedAt: null,
    ...given,
  };
}
